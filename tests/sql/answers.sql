-- More expressions and queries, one per line, as in tests/trino/expressions.sql. answers.json has the answers of Trino 435.

-- More expressions
1.0/3, 10/4, 100.0*5/7, 1e0/3, 1.5+1, 1.5*2, 10/3.0, 10.00/3, 2.5%2, -5/2, 5%-3, bigint '5'/2, cast(1 as real)/3, 1/0.5, 100*1.0/3
'5'+1
upper(1)
foo(1)
length('é'), upper('é'), lower('ABC'), reverse('abc'), replace('abc','b'), replace('aXa','X','y')
substr('abc',0,2), substr('abc',-2), substr('abc',2), substr('abc',2,1), substr('abc',5), substr('abc',-5), substring('abcdef' from 2 for 3), substr('abc', 1, 0)
trim('  a '), ltrim('  a '), rtrim(' a  '), trim(both 'x' from 'xax'), trim(leading 'x' from 'xax'), trim(trailing 'x' from 'xax')
strpos('abc','c'), position('c' in 'abc'), strpos('abc','z'), starts_with('abc','ab'), split('a,b,c',','), split('a,b,c',',',2), split_part('a,b,c',',',2), split_part('a,b',',',5)
concat('a','b'), 'a'||'b', concat_ws(',','a','b'), concat_ws(',','a',null,'c'), lpad('a',3,'x'), rpad('a',3,'xy'), chr(65), codepoint('A'), concat('a',cast(null as varchar))
levenshtein_distance('abc','abd'), hamming_distance('abc','abd'), translate('abc','ab','xy'), to_utf8('ab'), from_utf8(to_utf8('ab')), to_hex(md5(to_utf8('a'))), to_base64(to_utf8('ab')), from_base64('YWI=')
url_encode('a b/c&é'), url_decode('a+b%2Fc')
regexp_like('abc','b'), regexp_extract('a12b34','\d+'), regexp_extract('a12b34','([a-z])(\d+)',2), regexp_extract('abc','\d'), regexp_extract_all('a12b34','\d+'), regexp_extract_all('a12b34','([a-z])(\d+)',1), regexp_replace('a1b2','\d'), regexp_replace('a1b2','([a-z])(\d)','$2$1'), regexp_split('a1b2c','\d'), regexp_count('a1b2','\d')
abs(-1), abs(-1.5), abs(-1e0), ceil(1.2e0), floor(-1.2e0), ceil(5), round(2.5), round(-2.5), round(2.5e0), round(2.345,2), round(2.345e0,2), round(125,-1), sign(-3e0), truncate(1.9e0), sqrt(2), power(2,3), exp(0), ln(1), log10(100), log2(8), log(2,8), mod(5,3), pi(), cbrt(27)
greatest(1,2,null), greatest(1,2), least('a','b'), greatest(1,2.5)
is_nan(nan()), infinity(), is_finite(1), bitwise_and(5,3), bitwise_or(5,3), bitwise_xor(5,3), bitwise_not(5), to_base(255,16), from_base('ff',16)
coalesce(null,1,2), coalesce(null,null), nullif(1,1), nullif('a','b'), if(1=1,'a'), if(false,1,2.5), case when true then 1 else 2.5 end, case 'a' when 'a' then 1 end, try(1/0), try(cast('a' as int)), typeof(1), typeof('a'), typeof(null), typeof(array[1])
cast('12' as integer), cast(' 12' as bigint)
try_cast(' 12 ' as bigint), try_cast('+5' as bigint), try_cast('1e3' as double), try_cast('' as double), try_cast(' 1.5 ' as double), try_cast('1.5' as decimal(10,2)), try_cast('1.555' as decimal(10,2)), try_cast('1e2' as decimal(10,2)), try_cast('T' as boolean), try_cast('yes' as boolean), try_cast('0' as boolean), try_cast('1.5' as bigint), try_cast('99999999999999999999' as bigint), try_cast('0x10' as bigint), try_cast('-0' as bigint), try_cast('00012' as integer), try_cast('3000000000' as integer)
try_cast('NaN' as double), try_cast('Infinity' as double), try_cast('-Infinity' as double), try_cast('inf' as double), try_cast('1d' as double), try_cast('1_000' as double), try_cast('.5' as double), try_cast('5.' as double), try_cast('1e400' as double), try_cast('1E-130' as double), try_cast('12345678901234567890123456789012345678' as double)
try_cast('12345678901234567890123456789012345678' as decimal(38,0)), try_cast(' 1.5' as decimal(3,1)), try_cast('abc' as decimal(3,1)), try_cast('1000' as decimal(3,1)), try_cast('.5' as decimal(3,1)), try_cast('5.' as decimal(3,1)), try_cast('-1.25' as decimal(3,1)), try_cast('1E-130' as decimal(38,10))
cast('1.5' as integer)
cast('abc' as double)
cast('abc' as decimal(3,1))
cast('abc' as date)
cast('abc' as timestamp)
cast('x' as boolean)
cast(1.5 as integer), cast(2.5 as integer), cast(-2.5 as integer), cast(2.5e0 as integer), cast(3.5e0 as bigint), cast(-2.5e0 as integer), cast(1 as varchar), cast(1.50 as varchar), cast(1e0 as varchar), cast(1e10 as varchar), cast(0.1e0 as varchar), cast(1e-5 as varchar), cast(true as varchar), cast(date '2026-01-02' as varchar), cast(timestamp '2026-01-02 03:04:05.678' as varchar), cast(123456789.125e0 as varchar), cast(1 as double), cast(true as integer), cast(0 as boolean), cast('abc' as varchar(2)), cast(1.25 as decimal(3,1)), cast(cast(1.1 as real) as varchar), cast(0e0 as varchar), cast(100e0 as varchar), cast(1234567e0 as varchar), cast(12345678e0 as varchar)
cast(3000000000 as integer)
cast(1e20 as bigint)
try_cast(3000000000 as integer), try_cast(1e20 as bigint), try_cast(1000.5 as decimal(3,1))
try_cast('2026-11-20T10:11:12.123456Z' as timestamp), try_cast('2026-11-20 10:11:12.123456' as timestamp), try_cast('2026-11-20 10:11:12.1236' as timestamp), try_cast('2026-11-20' as timestamp), try_cast('2026-11-20T10' as date), try_cast('2026-1-2' as date), try_cast(' 2026-01-02 ' as date), try_cast('2026-13-02' as date), try_cast('2026-11-20 10:11' as timestamp), try_cast('2026-11-20 10' as timestamp), try_cast('2026/01/02' as date), try_cast('2026-02-30' as date)
cast('2026-01-01 00:00:00 UTC' as timestamp with time zone), cast('2026-01-01 00:00:00' as timestamp with time zone), cast('2026-01-01' as timestamp with time zone)
from_iso8601_timestamp('2026-11-20T10:11:12.123456Z'), from_iso8601_timestamp('2026-11-20T10:11:12.1239Z'), from_iso8601_timestamp('2026-11-20T10:11:12Z'), from_iso8601_timestamp('2026-11-20'), from_iso8601_timestamp('2026-11-20T10'), from_iso8601_date('2026-11-20')
from_iso8601_timestamp('nope')
from_unixtime(1700000000), from_unixtime(1700000000.1234), to_unixtime(from_iso8601_timestamp('2026-11-20T10:11:12.123Z')), to_unixtime(timestamp '2026-01-01 00:00:00')
date_diff('second', timestamp '2026-01-01 00:00:00', timestamp '2026-01-01 00:01:30.999'), date_diff('day', date '2026-01-01', date '2026-02-01'), date_diff('month', date '2026-01-31', date '2026-02-28'), date_diff('hour', timestamp '2026-01-01 00:59:00', timestamp '2026-01-01 02:00:00'), date_diff('day', timestamp '2026-01-01 23:00:00', timestamp '2026-01-02 01:00:00'), date_diff('millisecond', timestamp '2026-01-01 00:00:00', timestamp '2026-01-01 00:00:00.5'), date_diff('year', date '2025-06-01', date '2026-05-31'), date_diff('week', date '2026-01-01', date '2026-01-15'), date_diff('second', timestamp '2026-01-01 00:01:30.5', timestamp '2026-01-01 00:00:00')
date_add('day', 1, date '2026-01-31'), date_add('month', 1, date '2026-01-31'), date_add('hour', -1, timestamp '2026-01-01 00:00:00'), date_add('quarter', 1, date '2026-01-31'), date_add('week', 2, date '2026-01-01'), date_add('millisecond', 5, timestamp '2026-01-01 00:00:00')
date_trunc('day', timestamp '2026-01-02 03:04:05'), date_trunc('month', date '2026-01-20'), date_trunc('week', date '2026-01-20'), date_trunc('hour', from_iso8601_timestamp('2026-11-20T10:11:12.123Z')), date_trunc('minute', timestamp '2026-01-02 03:04:05.678'), date_trunc('quarter', date '2026-05-20'), date_trunc('year', timestamp '2026-05-20 01:00:00')
date_trunc('nope', date '2026-01-01')
year(date '2026-01-20'), month(date '2026-01-20'), day(date '2026-01-20'), quarter(date '2026-05-20'), week(date '2026-01-01'), day_of_week(date '2026-01-04'), day_of_year(date '2026-02-01'), year_of_week(date '2026-01-01'), hour(timestamp '2026-01-20 05:06:07.891'), minute(timestamp '2026-01-20 05:06:07.891'), second(timestamp '2026-01-20 05:06:07.891'), millisecond(timestamp '2026-01-20 05:06:07.891'), extract(year from date '2026-01-20'), extract(dow from date '2026-01-04'), dow(date '2026-01-04'), hour(from_iso8601_timestamp('2026-11-20T10:11:12.123Z'))
date_format(timestamp '2026-01-02 03:04:05.678', '%Y-%m-%d %H:%i:%s.%f'), date_format(timestamp '2026-01-02 15:04:05', '%a %b %c %e %h %I %j %k %l %M %p %r %S %T %v %W %x %y %%'), date_format(date '2026-01-02', '%Y-%m'), date_format(from_iso8601_timestamp('2026-11-20T10:11:12.123Z'), '%H:%i')
format_datetime(timestamp '2026-01-02 03:04:05.678', 'yyyy-MM-dd HH:mm:ss.SSS'), format_datetime(timestamp '2026-01-02 15:04:05', 'EEE, d MMM yyyy hh:mm a'), format_datetime(timestamp '2026-01-02 15:04:05', 'EEEE MMMM D e w xxxx'), format_datetime(from_iso8601_timestamp('2026-11-20T10:11:12.123Z'), 'yyyy-MM-dd''T''HH:mm:ssZ'), format_datetime(date '2026-01-02','yy/M/d')
date_parse('2026-01-02 03:04:05', '%Y-%m-%d %H:%i:%s'), date_parse('2026/01/02', '%Y/%m/%d'), date_parse('02.01.26 3PM','%d.%m.%y %l%p')
date_parse('x', '%Y')
parse_datetime('2026-01-02 03:04:05', 'yyyy-MM-dd HH:mm:ss'), parse_datetime('2026-01-02T03:04:05.678+0000', 'yyyy-MM-dd''T''HH:mm:ss.SSSZ')
to_iso8601(timestamp '2026-01-02 03:04:05.678'), to_iso8601(date '2026-01-02'), to_iso8601(from_iso8601_timestamp('2026-11-20T10:11:12.123Z')), last_day_of_month(date '2026-02-03')
timestamp '2026-01-01 12:00:00 UTC' at time zone 'Europe/Paris', at_timezone(from_iso8601_timestamp('2026-07-01T12:00:00Z'),'America/New_York'), hour(timestamp '2026-01-01 12:00:00 UTC' at time zone 'Europe/Paris'), date_format(timestamp '2026-01-01 23:30:00 UTC' at time zone 'Europe/Paris', '%Y-%m-%d'), cast(timestamp '2026-01-01 23:30:00 UTC' at time zone 'Europe/Paris' as date), date_trunc('day', timestamp '2026-01-01 23:30:00 UTC' at time zone 'Europe/Paris'), to_iso8601(timestamp '2026-01-01 23:30:00 UTC' at time zone 'Europe/Paris')
timestamp '2026-01-01 12:00:00 Europe/Paris', timestamp '2026-01-01 12:00:00' at time zone 'UTC'
date '2026-01-31' + interval '1' month, timestamp '2026-01-01 00:00:00' - interval '1' day, date '2026-02-01' - date '2026-01-01', timestamp '2026-01-02 00:00:00' - timestamp '2026-01-01 12:00:00', interval '2' day + interval '3' hour, 3 * interval '1' day, date '2026-01-01' < timestamp '2026-01-01 00:00:01'
date '2026-01-01' + 1
date(timestamp '2026-01-02 03:04:05'), date('2026-01-02'), cast(timestamp '2026-01-02 03:04:05' as date), cast(date '2026-01-02' as timestamp)
'1' = 1
1 in ('a')
1 in (1,2), 'a' in ('b','c'), 1 in (1.0, 2), null in (1), 1 between 0 and 2, 'b' between 'a' and 'c', 1 not in (2,3), null is null, 1 is not null, 1 is distinct from null, null is not distinct from null, 'abc' like 'a%', 'a_c' like 'a\_c' escape '\', 'abc' not like '%d'
not 1
true and null, false or null, true or null, not null
json_extract_scalar('{"a":{"b":1.10}}','$.a.b'), json_extract_scalar('{"a":[1,"x"]}','$.a[1]'), json_extract_scalar('{"a":null}','$.a'), json_extract_scalar('{"a":{}}','$.a'), json_extract_scalar('nope','$.a'), json_extract_scalar('{"a":true}','$.a'), json_extract_scalar('{"a b":1}','$["a b"]'), json_extract_scalar('{"a":12345678901234567890123456789012345678}','$.a'), json_extract_scalar('"x"','$'), json_extract_scalar('{"a":1E5}','$.a'), json_extract_scalar('[1,2]','$[0]'), json_extract_scalar('{"a":"x\"y"}','$.a')
json_extract('{"a":{"b":[1, 2.50]}}','$.a'), json_extract('{"a":1}','$.z'), json_parse('{"b":1, "a":[1, 2]}'), json_format(json_parse('{"b": 1, "a": "x"}')), json_array_length('[1,2]'), json_array_length('{}'), json_size('{"x":{"a":1,"b":2}}','$.x'), json_size('{"x":1}','$.x'), json_array_contains('[1,2]',2), json_array_contains('["a"]','a'), json_array_get('[1,"x"]',1), json_parse('1.10'), json_parse('1e5'), json_parse('"x"')
json_parse('{')
cast(json_parse('1') as bigint), cast(json_parse('"x"') as varchar), cast(json_parse('[1,2]') as array(bigint)), cast(json_parse('{"a":1}') as map(varchar,bigint)), cast(json_parse('{"a":1,"b":"x"}') as row(a bigint, b varchar)), cast(json_parse('null') as varchar), cast(json_parse('1.5') as double), cast(json_parse('true') as boolean), cast(json_parse('["a",null]') as array(varchar)), cast(json_parse('{"a":[1]}') as map(varchar,json)), cast(json_parse('1.5') as varchar), cast(json_parse('[1,"2"]') as array(varchar))
cast(json_parse('{"a":1}') as bigint)
cast('a' as json), cast(1 as json), cast(array[1,2] as json), cast(map(array['b','a'],array[1,2]) as json), cast(row(1,'a') as json), cast(null as json), cast(1.5e0 as json), cast(true as json), cast(cast(row(1,'x') as row(a int, b varchar)) as json)
array[1,2][1], element_at(array[1,2],1), element_at(array[1,2],5), element_at(array[1,2],-1), cardinality(array[1,2]), contains(array[1,2],2), contains(array[1,null],2), array_distinct(array[1,2,1,null,null]), array_join(array['a','b'],','), array_join(array['a',null,'b'],','), array_join(array['a',null],',','?'), array_max(array[1,3,2]), array_min(array[1,null]), array_position(array['a','b'],'b'), array_position(array['a'],'z'), array_remove(array[1,2,1],1), array_sort(array[3,1,null,2]), array_union(array[1,2],array[2,3]), array_intersect(array[1,2],array[2,3]), array_except(array[1,2],array[2,3]), arrays_overlap(array[1,2],array[2,3]), flatten(array[array[1],array[2,3]]), slice(array[1,2,3],2,2), slice(array[1,2,3],-2,2), repeat('a',3), sequence(1,3), sequence(3,1), sequence(1,6,2), reverse(array[1,2]), array[1]||array[2], array[1]||2, concat(array[1],array[2]), zip(array[1,2],array['a','b'])
array[1,2][5]
array[1,2][0]
sequence(date '2026-01-01', date '2026-01-03')
transform(array[1,2], x -> x+1), filter(array[1,2,3], x -> x>1), reduce(array[1,2,3], 0, (s,x) -> s+x, s -> s), reduce(array[1,2,3], 0, (s,x) -> s+x, s -> s*10), any_match(array[1,2],x->x>1), all_match(array[1,2],x->x>1), none_match(array[1,2],x->x>5), zip_with(array[1,2],array[3,4],(x,y)->x+y), transform(array['a','b'], x -> upper(x) || '!')
map(array['a','b'],array[1,2])['a'], element_at(map(array['a'],array[1]),'z'), cardinality(map(array['a'],array[1])), map_keys(map(array['a'],array[1])), map_values(map(array['a'],array[1])), map_entries(map(array['a'],array[1])), map_concat(map(array['a'],array[1]),map(array['b'],array[2])), map_filter(map(array['a','b'],array[1,2]),(k,v)->v>1), transform_values(map(array['a'],array[1]),(k,v)->v+1), transform_keys(map(array['a'],array[1]),(k,v)->k||'x'), map_from_entries(array[row('a',1)]), split_to_map('a=1,b=2',',','=')
map(array['a'],array[1])['z']
row(1,'a'), row(1,'a')[1], cast(row(1,'a') as row(x int, y varchar)).y
SELECT x, count(*) from (values 'a','b','a') t(x) group by x order by 2 desc, 1
SELECT sum(x), avg(x), min(x), max(x), count(x), count(*), count(distinct x), sum(x*1.5), avg(x*1.5), sum(cast(x as double)), avg(cast(x as double)) from (values 1,2,2,null) t(x)
SELECT sum(x), avg(x), max(x), count(*), array_agg(x), bool_and(x>0), min_by(x,x), approx_percentile(x,0.5) from (values 1) t(x) where false
SELECT max_by(a,b), min_by(a,b), count_if(b>1), array_agg(a order by b desc), array_agg(distinct c order by c), approx_distinct(c), bool_and(b>0), bool_or(b>2), stddev(b), variance(b), var_pop(b), stddev_pop(b), map_agg(a,b), histogram(c), listagg(a,',') within group (order by a desc), corr(b,b), arbitrary(c) from (values ('x',1,'p'),('y',2,'p'),('z',3,'p')) t(a,b,c)
SELECT max_by(a,b), min_by(a,b), array_agg(a) from (values (null,3),('y',2),('z',null)) t(a,b)
SELECT approx_percentile(x,0.5), approx_percentile(x,0.25), approx_percentile(x,0.0), approx_percentile(x,1.0), approx_percentile(cast(x as double),0.5) from (values 1,2,3,10) t(x)
SELECT x, row_number() over (order by x), rank() over (order by x), dense_rank() over (order by x), lag(x) over (order by x), lead(x,1,99) over (order by x), sum(x) over (order by x), first_value(x) over (order by x), last_value(x) over (order by x), ntile(2) over (order by x), percent_rank() over (order by x), cume_dist() over (order by x), count(*) over (), sum(x) over (order by x rows between 1 preceding and current row), nth_value(x,2) over (order by x rows between unbounded preceding and unbounded following) from (values 1,2,2,3) t(x) order by 1,2
SELECT x, lag(x) ignore nulls over (order by n), last_value(x) ignore nulls over (order by n) from (values (1,'a'),(2,null),(3,'b'),(4,null)) t(n,x) order by n
SELECT x from (values 2,null,1) t(x) order by x
SELECT x from (values 2,null,1) t(x) order by x desc
SELECT x from (values 2,null,1) t(x) order by x nulls first
SELECT x from (values 'b','B','a','A','é',null) t(x) order by x
SELECT a, sum(b) from (values ('x',1),('y',2)) t(a,b) group by rollup(a) order by 1
SELECT a, c, sum(b) from (values ('x',1,'p'),('y',2,'q')) t(a,b,c) group by grouping sets ((a),(c),()) order by 1,2
SELECT a, c, sum(b) from (values ('x',1,'p'),('y',2,'q')) t(a,b,c) group by cube(a,c) order by 1,2
SELECT a from (values ('x',1)) t(a,b) group by a having sum(b) > 1
SELECT a, b from (values ('x',1)) t(a,b) group by a
SELECT b from (values ('x',1)) t(a,b) where x > 1
SELECT a as b from (values ('x')) t(a) where b = 'x'
SELECT a as b from (values ('x')) t(a) group by b
SELECT a as b from (values ('x')) t(a) order by b
SELECT * from (values (1,'a')) t(x,y) where x = y
SELECT 1 union select 'a'
SELECT 1 union all select 2.5 order by 1
SELECT 1 except select 1
SELECT 1 intersect select 1
SELECT x, y from (values 1,2) a(x) cross join (values 'p') b(y) order by 1
SELECT a.x, b.x from (values 1,2) a(x) left join (values 2) b(x) on a.x=b.x order by 1
SELECT a.x, b.x from (values 1,2) a(x) full join (values 2,3) b(x) on a.x=b.x order by 1,2
SELECT x from (values 1,2) a(x) join (values 2) b(x) using (x)
SELECT x from (values 1,2) a(x) where x in (select 2)
SELECT x from (values 1,2) a(x) where exists (select 1 from (values 2) b(y) where b.y=a.x)
SELECT x, (select max(y) from (values 5,6) b(y)) from (values 1) a(x)
SELECT (select 1 union all select 2)
SELECT t.n, u.e, u.o from (values (1,array['a','b'])) t(n,l) cross join unnest(l) with ordinality as u(e,o) order by 3
SELECT n, k, v from (values (1,map(array['a','b'],array[1,2]))) t(n,m) cross join unnest(m) as u(k,v) order by 2
SELECT n, a, b from (values (1,array[row('a',1),row('b',2)])) t(n,l) cross join unnest(l) as u(a,b) order by 2
SELECT a, b from unnest(array[1,2,3], array['x']) as u(a,b)
SELECT n, e from (values (1,array['a']),(2,array[])) t(n,l) left join unnest(l) as u(e) on true order by 1
WITH a as (select 1 x), b as (select x+1 y from a) select * from a, b
SELECT distinct x from (values 1,1,2) t(x) order by x
SELECT count(distinct a), count(distinct (a,b)) from (values (1,2),(1,3)) t(a,b)
SELECT sum(x) filter (where x > 1), count(*) filter (where x > 5) from (values 1,2,3) t(x)
SELECT x from (values 1,2,3) t(x) order by x limit 2
SELECT x from (values 1,2,3) t(x) order by x offset 1 limit 1
SELECT x as "My Col", x Foo from (values 1) t(x)
VALUES (1,'a'),(2,'b')
SELECT * from (values row(1,2)) t(a,b)
SELECT 1 where 'a' like 1
SELECT max(x) from (values 1) t(x) where max(x) > 1
SELECT a.nope from (values 1) a(x)
SELECT 1 from (values 1) t(x) order by 5
SELECT case when x > 1 then 'big' end as c, count(*) from (values 1,2,3) t(x) group by case when x > 1 then 'big' end order by 1
SELECT x+1, x*2 as y from (values 1) t(x) order by x+1
SELECT if(x is null, 'n', 'v') k, count(*) from (values 1,null) t(x) group by 1 order by 1
SELECT cast(x as decimal(10,2))*2, cast(x as decimal(10,2))/3, sum(cast(x as decimal(10,2))) over () from (values '1.25') t(x)
SELECT date_trunc('day', from_iso8601_timestamp(x)) d, count(*) from (values '2026-11-20T10:11:12.123456Z','2026-11-20T23:00:00.000000Z') t(x) group by 1
SELECT greatest(x, 'm') from (values 'a','z') t(x) order by 1
SELECT 1 as a, 2 as a
SELECT array_agg(x) from (values 3,1,2) t(x) where x > 5
SELECT sum(1) from (values 1) t(x) having count(*) > 5
SELECT lower('ÀÉ'), upper('straße'), length('日本語'), '日本'||'語', substr('日本語',2,1)
SELECT x'6162', to_hex(x'ff')

-- More queries
SELECT "x" from (values 1) t("x")
SELECT T.X from (values 1) t(x)
SELECT t.* from (values (1,2)) t(a,b)
SELECT a.*, b.y from (values 1) a(x), (values 2) b(y)
SELECT count(*) from (select 1 union all select 2)
SELECT x from (select 1 as x) where x = 1
SELECT * from (select 1 as x, 2 as x)
SELECT x from (select 1 as x, 2 as x)
SELECT s.x from (select 1 as x union all select 2) s order by s.x desc
SELECT x from (values 1) t(x) union select x from (values 2) t(x) order by x desc limit 1
SELECT (select count(*) from (values 1,2) b(y) where b.y > a.x) from (values 1) a(x)
SELECT x from (values 1,2,3) a(x) where x > (select avg(y) from (values 1,2) b(y))
SELECT x from (values 1,2) a(x) where not exists (select 1 from (values 2) b(y) where b.y=a.x)
SELECT x from (values 1,null) a(x) where x not in (select 2)
SELECT a.x, b.y from (values 1) a(x) left join (values 1) b(y) on a.x = b.y and b.y > 5
SELECT a.x from (values (1)) a(x) right join (values (2)) b(y) on a.x=b.y
SELECT * from (values (1,2)) a(x,y) join (values (1,3)) b(x,z) using (x)
SELECT * from (values 1) a(x) natural join (values 1) b(x)
SELECT x from (values 1) a(x) group by 1 having x > 0
SELECT x, count(*) c from (values 1,1,2) a(x) group by x having count(*) > 1
SELECT x, count(*) c from (values 1,1,2) a(x) group by x having c > 1
SELECT x as y, count(*) from (values 1) a(x) group by y
SELECT sum(count(*)) over () from (values 1,1,2) a(x) group by x
SELECT x, sum(count(*)) over (order by x) from (values 1,1,2) a(x) group by x order by x
SELECT max(count(*)) from (values 1) a(x) group by x
SELECT row_number() from (values 1) a(x)
SELECT x from (values 1) a(x) where row_number() over () = 1
SELECT x from (values 1) a(x) order by row_number() over (order by x)
SELECT distinct on (x) x from (values 1) a(x)
SELECT x from (values 1,2) a(x) limit all
SELECT x from (values 1,2,3) a(x) fetch first 1 row only
SELECT x from (values 1,2,3) a(x) tablesample bernoulli (100)
SELECT substr(x, 1, length(x) - 1) from (values 'abc') t(x)
SELECT case x when 1 then 'a' when 2 then 'b' else 'c' end from (values 1,2,3) t(x) order by 1
SELECT case x when 'a' then 1 end from (values 1) t(x)
SELECT sum(case when x > 1 then 1 else 0 end), sum(if(x>1,1,0)), count(case when x>1 then 1 end) from (values 1,2,3) t(x)
SELECT sum(x)*100.0/count(*), count(*)*1.0/3, round(count(*)*100.0/3, 2) from (values 1,2) t(x)
SELECT cast(count(*) as double)/3, count(*)/2 from (values 1,2,3) t(x)
SELECT max(x) - min(x) from (values timestamp '2026-01-01 00:00:00', timestamp '2026-01-02 03:04:05') t(x)
SELECT avg(date_diff('second', x, y)) from (values (timestamp '2026-01-01 00:00:00', timestamp '2026-01-01 00:01:00')) t(x,y)
SELECT x < 'b', x > 'A', x <> 'a', x = 'a' from (values 'a') t(x)
SELECT date '2026-01-01' = '2026-01-01'
SELECT date '2026-01-01' >= date_add('day', -7, date '2026-01-05')
SELECT cast(date '2026-01-05' - interval '7' day as varchar)
SELECT format('%s', 1)
SELECT substr('abc', '1')
SELECT lower(null), length(null), null || 'a', 1 + null, null = null, coalesce(null, 'a'), cast(null as varchar), date(null)
SELECT array[1,'a']
SELECT array[] , array[null], cardinality(array[]), map()
SELECT array[1,2] = array[1,2], row(1,2) = row(1,2), array[1] < array[2], row(1,'a') < row(1,'b')
SELECT array_agg(x order by x desc)[1] from (values 1,2) t(x)
SELECT max(x, 2) from (values 1,2,3) t(x)
SELECT min_by(x, y), max_by(x, y) from (values ('a', 1), ('b', null)) t(x,y)
SELECT max_by(x, y, 2) from (values ('a', 1), ('b', 2), ('c', 3)) t(x,y)
SELECT count(distinct x), count(x) from (values 'a','a',null) t(x)
SELECT arbitrary(x) from (values null, 'a') t(x)
SELECT x, lead(x) over (partition by y order by x), count(*) over (partition by y) from (values (1,'a'),(2,'a'),(3,'b')) t(x,y) order by x
SELECT x, max(x) over (order by x rows between 1 following and unbounded following) from (values 1,2,3) t(x) order by x
SELECT x, sum(x) over (order by x range between unbounded preceding and current row) from (values 1,2,2,3) t(x) order by x
SELECT x, rank() over (order by x desc) from (values 1,2,2,null) t(x) order by 2, 1
SELECT count(*) filter (where x = 'a') over () from (values 'a','b') t(x)
SELECT element_at(map_agg(k, v), 'a') from (values ('a',1),('b',2)) t(k,v)
SELECT k, v from (values 'a=1') t(x) cross join unnest(split_to_map(x, ',', '=')) as u(k,v)
SELECT k, json_format(v) from (values '{"a":[1],"b":"x"}') t(j) cross join unnest(cast(json_parse(j) as map(varchar,json))) as u(k,v) order by k
SELECT u.n, json_extract_scalar(u.e,'$.a') from (values '[{"a":1},{"a":2}]') t(j) cross join unnest(cast(json_parse(j) as array(json))) with ordinality as u(e,n) order by 1
SELECT json_extract_scalar(x, '$.a.b[0]'), json_extract_scalar(x, '$.a["c d"]'), json_extract(x,'$.a') from (values '{"a":{"b":["z"],"c d":1}}') t(x)
SELECT json_extract_scalar(x, '$..a') from (values '{}') t(x)
SELECT try(json_parse(x)) from (values '{', '1') t(x) order by 1
SELECT try(cast(x as integer)), try_cast(x as integer) from (values 'a','1') t(x) order by 1
SELECT try(1/x) from (values 0,1) t(x) order by 1
SELECT x / y from (values (1,0)) t(x,y)
SELECT x / y from (values (1e0,0e0)) t(x,y)
SELECT 5 % 0
SELECT cast(x as integer) from (values 'a') t(x) where x <> 'a'
SELECT 9223372036854775807 + 1
SELECT cast(9223372036854775807 as bigint) + 1
SELECT 2147483647 + 1
SELECT sum(x) from (values 9223372036854775807, 1) t(x)
SELECT 'it''s', 'a"b', "a""b" from (values 1) t("a""b")
SELECT 1 -- comment
SELECT /* c */ 1
SELECT from x
SELECT 1 from
SELECT (1
SELECT 'a
SELECT * from nodb.changes
SELECT * from nocat.a.b
SELECT 1 as "a.b", 2 as "a b"
WITH a(x,y) as (select 1, 2) select y from a
WITH a as (select 1 as x) select * from a a1 join a a2 on a1.x = a2.x
WITH a as (select 1 as x), b as (with c as (select x+1 as y from a) select * from c) select * from b
SELECT * from (with z as (select 1 as q) select * from z)
SELECT x from (values 1) t(x) where x in (1, null)
SELECT 1 where null
SELECT x from (values 1,2) t(x) where x between 2 and 1
SELECT coalesce(x, 0) + 1 from (values null, 1) t(x) order by 1
SELECT greatest(date '2026-01-01', date '2026-02-01')
SELECT concat(cast(1 as varchar), '-', 'b')
SELECT split('a.b', '.')[2], split('', ','), split('a,', ',')
SELECT regexp_like('ABC', '(?i)abc'), regexp_replace('hello', '(l+)', '[$1]'), regexp_extract('key=val', '(\w+)=(\w+)', 2), regexp_like('a', '^a$')
SELECT regexp_extract(null, 'a'), regexp_like('a', null)
SELECT replace('abc', '', 'x')
SELECT position('b' in 'abc'), substring('abc', 2), substring('abc', 2, 1), char_length('abc')
SELECT current_date = cast(now() as date), typeof(now()), typeof(current_date), typeof(1.5), typeof('a' || 'b'), typeof(1e0), typeof(cast(1 as bigint)), typeof(row(1,'a')), typeof(map(array[1],array['a'])), typeof(json_parse('1')), typeof(interval '1' day), typeof(current_timestamp - current_timestamp)
SELECT from_iso8601_timestamp('2026-11-20T10:11:12.123456Z') > timestamp '2026-11-20 00:00:00', from_iso8601_timestamp('2026-11-20T10:11:12.123456Z') = timestamp '2026-11-20 10:11:12.123 UTC'
SELECT from_iso8601_timestamp('2026-11-20T10:11:12Z') - from_iso8601_timestamp('2026-11-20T10:11:10.500Z')
SELECT date_diff('millisecond', from_iso8601_timestamp('2026-11-20T10:11:10.500Z'), from_iso8601_timestamp('2026-11-20T10:11:12Z'))
SELECT cast(from_iso8601_timestamp('2026-11-20T10:11:12Z') as timestamp), cast(from_iso8601_timestamp('2026-11-20T10:11:12Z') as date), cast(from_iso8601_timestamp('2026-11-20T10:11:12Z') as varchar)
SELECT date_format(from_iso8601_timestamp('2026-11-20T10:11:12Z'), '%Y-%m-%d'), substr('2026-11-20T10:11:12Z', 1, 10), date(substr('2026-11-20T10:11:12Z', 1, 10))
SELECT max(d) from (values date '2026-01-01', date '2026-03-01') t(d)
SELECT approx_percentile(x, 0.5), approx_percentile(x, array[0.5, 0.9]) from (values 3.5, 1.5, 2.5) t(x)
SELECT approx_percentile(x, 0.5) from (values null) t(x)
SELECT approx_percentile(x, 0.95) filter (where x > 1) from (values 1,2,3) t(x)
SELECT histogram(x) from (values 1,1,2) t(x)
SELECT map_agg(k,v) from (values (1,'a'),(2,'b')) t(k,v)
SELECT array_join(array[1,2], '-'), array_join(array_agg(x), ',') from (values 'a') t(x)
SELECT array_sort(array_agg(distinct x)) from (values 'b','a','b') t(x)
SELECT cardinality(array_agg(x)), array_agg(x) from (values null) t(x)
SELECT cardinality(filter(array_agg(x), y -> y > 1)) from (values 1,2) t(x)
SELECT bool_or(x is null), every(x > 0) from (values 1,null) t(x)
SELECT x.y from (select row(1) as x)
SELECT x from (values cast(row(1,'a') as row(a int, b varchar))) t(x)
SELECT x.b from (values cast(row(1,'a') as row(a int, b varchar))) t(x)
SELECT round(1.5e0), round(-1.5e0), round(0.5e0), round(1234.5678e0, 2), round(cast(1.005 as double), 2), round(1e20)
SELECT cast('2026-11-20 10:11:12.123456' as timestamp(6))
SELECT count(*) where 1 = 0
SELECT 'a' in (select x from (values 'a') t(x)), 1 in (select x from (values 'a') t(x))
SELECT x from (values 1) t(x) where x = 'a'
SELECT not x from (values true) t(x)
SELECT x and 1 from (values true) t(x)
SELECT nullif(1, 'a')
SELECT if('a', 1, 2)
SELECT "$path" from (values 1) t(x)

-- Cases that the renderer must distinguish
transform(array['a'], x -> array_remove(array['a','b'], x))
transform(array[1,2], z -> zip_with(array[1], array[2], (x,y) -> x+y+z))
transform(array[array[1,2],array[3]], x -> transform(x, y -> y * cardinality(x)))
replace('{1}{0}', '{0}', 'x'), concat('{}', '{*}'), lpad('{1}', 5, '{2}')
SELECT approx_percentile(cast(x as double), 0.5) filter (where y <> '{}') from (values (1,'a'),(2,'{}')) t(x,y)
map_filter(map(array['"k"'],array[1]), (k,v) -> k = '"k"'), transform_values(map(array['a'],array['"v"']), (k,v) -> v || '"v"')
SELECT map_filter(m, (k,v) -> v > n) from (values (map(array['a','b'],array[1,2]), 1)) t(m,n)
filter(array[1,2,3], x -> contains(array[2,3], x))
transform(array[1,2], x -> reduce(array[1,2], x, (s, y) -> s + y, s -> s))
any_match(array['x'], e -> e = 'x'), transform(array['x'], v -> array_distinct(array[v, v]))
transform(array['a,b'], x -> array_join(split(x, ','), '-'))
cast(array[array[1]] as array(array(varchar)))
sum(1), 'error(' , try('trino_' || 'x')
SELECT sum(x) + 1, sum(x) * 2.5, avg(x) / 2, count(*) / 2, -sum(x), sum(x) = 3 from (values 1,2) t(x)
SELECT sum(sum(x)) over () from (values 1,2) t(x)
SELECT max(x) over (partition by y order by x) - min(x) over (partition by y) from (values (1,1),(5,1)) t(x,y) order by 1
'abc' not like 'a%', 'abc' not like 'b%', not 'abc' like 'b%', 'a%c' not like 'a\%c' escape '\'
SELECT approx_percentile(x, 0.5), approx_percentile(x, array[0.5, 1.0]) from (values 1, null, 3, null, 5) t(x)
SELECT x from (values 1, 2, null) t(x) where x not in (1)
SELECT x from (values 1, 2, null) t(x) where not (x = 1)
2 not between 1 and 3, 5 not between 1 and 3
SELECT count(*) from (values 1, 2) a(x) left join (values 2, 3) b(y) on x = y where y is null
SELECT a.x, count(b.y) from (values 1, 2) a(x) left join (values 2, 2) b(y) on a.x = b.y group by a.x order by 1
