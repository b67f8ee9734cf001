-- One expression or query per line. Trino's answers are in expressions.json (python -m tests.trino.record).
-- A line that starts with SELECT, WITH or VALUES is a whole query; any other is `SELECT <line>`.

-- Text
length('añ漢😀')
length(CAST('ab' AS char(5)))
upper('straße')
lower('ÀÉ')
trim('  x y  ')
trim(BOTH 'x' FROM 'xxaxx')
ltrim('  x')
rtrim('x  ')
reverse('añ漢')
replace('banana', 'an', 'o')
replace('banana', 'an')
substr('hello', 2)
substr('hello', 2, 3)
substr('hello', -3)
substr('hello', -3, 2)
substr('hello', 0)
substr('hello', 9)
substring('hello' FROM 2 FOR 3)
strpos('hello', 'l')
strpos('hello', 'z')
strpos('hello', '')
position('l' IN 'hello')
starts_with('dt=2026', 'dt=')
split('a,b,,c', ',')
split('a,b,c', ',', 2)
split('', ',')
split_part('a/b/c', '/', 2)
split_part('a/b/c', '/', 4)
split_part('', '/', 1)
split_to_map('a=1,b=2', ',', '=')
concat('a', 'b', 'c')
concat('a', NULL)
'a' || NULL
'a' || 'b' || 'c'
concat_ws(',', 'a', NULL, 'b')
concat_ws(',', ARRAY['a', 'b'])
lpad('7', 3, '0')
lpad('12345', 3, '0')
rpad('7', 3, 'xy')
chr(233)
codepoint('é')
translate('abcd', 'ac', 'x')
levenshtein_distance('kitten', 'sitting')
hamming_distance('abc', 'abd')
normalize('é')
to_hex(to_utf8('é'))
from_utf8(from_hex('C3A9'))
to_base64(to_utf8('hello'))
from_utf8(from_base64('aGVsbG8='))
from_base64('AAEC')
to_hex(md5(to_utf8('a')))
to_hex(sha1(to_utf8('a')))
to_hex(sha256(to_utf8('a')))
sha256(to_utf8('a'))
url_encode('a b/é?')
url_decode('a+b%2F')
regexp_like('order-12', '\d+')
regexp_like('abc', '^b')
regexp_extract('order-12-34', '\d+')
regexp_extract('order-12', '(\w+)-(\d+)', 2)
regexp_extract('abc', '\d')
regexp_extract_all('1a2b33', '\d+')
regexp_extract_all('1a2b33', '(\d+)([a-z])', 2)
regexp_replace('a1b2', '\d')
regexp_replace('a1b2', '(\d)', '<$1>')
regexp_replace('fun', '(?<x>u)', '${x}${x}')
regexp_split('1a2b3', '[a-z]')
regexp_count('1a2b3', '\d')
'abc' LIKE 'a%'
'a_c' LIKE 'a\_c' ESCAPE '\'
'abc' LIKE 'a_c'
'ABC' LIKE 'a%'
'a' < 'B'
'a' = 'a '
'é' > 'z'
CAST('a' AS char(3)) = 'a'
'b' BETWEEN 'a' AND 'c'

-- Numbers
1 / 2
-7 / 2
-7 % 3
7 % -3
1.0 / 3
1 / 2.0
1e0 / 3
0e0 / 0e0
1e0 / 0e0
1 / 0
2147483647 + 1
BIGINT '9223372036854775807' + 1
0.1 + 0.2
0.1e0 + 0.2e0
1.10 * 2.5
DECIMAL '12345678901234567890.12' + 1
CAST(1 AS decimal(38,0)) / 3
CAST('12345678901234567890123456789012345678' AS decimal(38,0))
CAST('12345678901234567890123456789012345678' AS decimal(38,0)) + 1
round(2.5)
round(-2.5)
round(2.5e0)
round(3.5e0)
round(1.005, 2)
round(1234.567e0, 1)
round(1234, -2)
ceil(1.2)
ceil(-1.2e0)
ceiling(1)
floor(-1.2)
floor(1.2e0)
truncate(-1.7e0)
truncate(12.345, 1)
abs(-5)
abs(-1.5)
sign(-3)
sign(2.5)
sqrt(2)
power(2, 10)
pow(2, 0.5)
exp(1)
ln(10)
log2(8)
log10(1000)
log(2, 8)
mod(7, 3)
mod(7.5, 2)
pi()
e()
nan()
infinity()
is_nan(nan())
is_finite(1e308)
greatest(1, 2, 3)
greatest(1, NULL)
least('b', 'a')
greatest(1, 2.5)
bitwise_and(12, 10)
bitwise_or(12, 10)
bitwise_xor(12, 10)
bitwise_not(5)
to_base(255, 16)
from_base('ff', 16)
width_bucket(5.3e0, 0e0, 10e0, 5)
12345678.9e0
1e7
1e-5
123456789012e0
CAST(0.1e0 AS real)
1.5e300
-0e0
nullif(1, 1)
nullif(1, 2)
coalesce(NULL, NULL, 3)
coalesce(1, 2.5)
if(1 > 2, 'a')
if(1 < 2, 'a', 'b')
CASE WHEN 1 > 2 THEN 'a' ELSE 'b' END
CASE 3 WHEN 1 THEN 'a' WHEN 3 THEN 'c' END
NULL = NULL
NULL IS DISTINCT FROM NULL
1 IS DISTINCT FROM NULL
1 IN (1, NULL)
2 IN (1, NULL)
2 NOT IN (1, NULL)
TRUE AND NULL
FALSE AND NULL
TRUE OR NULL
NOT CAST(NULL AS boolean)
1 = 1.0
typeof(1)
typeof(1.5)
typeof(1e0)
typeof('a')
typeof(1 + 2.5)
typeof(NULL)
typeof(ARRAY[1, 2.5])
typeof(date '2026-11-20' + interval '1' day)
typeof(sum(1.5))
typeof(avg(1))
typeof(avg(1.5))
typeof(count(*))

-- Casts
CAST('42' AS bigint)
CAST(' 42 ' AS bigint)
CAST('+42' AS bigint)
CAST('4.2' AS bigint)
try_cast('4.2' AS bigint)
try_cast('1E+5' AS bigint)
try_cast('1E+5' AS double)
try_cast('1E+5' AS decimal(38,0))
try_cast('1E-7' AS decimal(38,10))
try_cast('0.125' AS decimal(10,2))
try_cast('-0.125' AS decimal(10,2))
try_cast('99999999999' AS decimal(10,2))
try_cast('9223372036854775807' AS bigint)
try_cast('9223372036854775808' AS bigint)
try_cast('' AS bigint)
try_cast('abc' AS bigint)
try_cast('' AS double)
try_cast('NaN' AS double)
try_cast('Infinity' AS double)
try_cast('1,000' AS double)
try_cast(' 1.5 ' AS double)
try_cast('1.5d' AS double)
try_cast('0x10' AS double)
try_cast(' 1.5 ' AS decimal(5,1))
try_cast('true' AS boolean)
try_cast('TRUE' AS boolean)
try_cast('t' AS boolean)
try_cast('1' AS boolean)
try_cast('yes' AS boolean)
try_cast('f' AS boolean)
try_cast('0' AS boolean)
try_cast('2026-11-20' AS date)
try_cast(' 2026-11-20 ' AS date)
try_cast('2026-11-31' AS date)
try_cast('2026-1-2' AS date)
try_cast('20261120' AS date)
try_cast('2026-11-20T00:00:00Z' AS date)
try_cast('2026-11-20 01:02:03' AS timestamp)
try_cast('2026-11-20 01:02:03.123456' AS timestamp)
try_cast('2026-11-20 01:02:03.123456' AS timestamp(6))
try_cast('2026-11-20T01:02:03' AS timestamp)
try_cast('2026-11-20T01:02:03Z' AS timestamp)
try_cast('2026-11-20' AS timestamp)
try_cast('2026-11-20 01:02' AS timestamp)
try_cast('2026-11-20 01:02:03 UTC' AS timestamp)
try_cast('2026-11-20 01:02:03 +01:00' AS timestamp with time zone)
try_cast('2026-11-20 01:02:03.123456 UTC' AS timestamp(6) with time zone)
CAST(42 AS varchar)
CAST(1.50 AS varchar)
CAST(1e0 AS varchar)
CAST(1e10 AS varchar)
CAST(0.1e0 AS varchar)
CAST(1e-5 AS varchar)
CAST(TRUE AS varchar)
CAST(date '2026-11-20' AS varchar)
CAST(timestamp '2026-11-20 01:02:03' AS varchar)
CAST(timestamp '2026-11-20 01:02:03.100' AS varchar)
CAST(from_iso8601_timestamp('2026-11-20T01:02:03.5Z') AS varchar)
CAST(2.5 AS bigint)
CAST(-2.5 AS bigint)
CAST(2.5e0 AS bigint)
CAST(3.5e0 AS integer)
CAST(1e20 AS bigint)
CAST(300 AS tinyint)
CAST('hello' AS varchar(3))
CAST(TRUE AS bigint)
CAST(2 AS boolean)
CAST(0.5e0 AS decimal(3,1))
CAST(1.25 AS decimal(3,1))
CAST(timestamp '2026-11-20 23:59:59' AS date)
CAST(date '2026-11-20' AS timestamp)
CAST('abc' AS date)
try(1 / 0)
try(CAST('x' AS bigint))
CAST(NULL AS bigint)
CAST(json '[1,2,3]' AS array(bigint))
CAST(json '{"a":1}' AS map(varchar, bigint))
CAST(json '{"a":1,"b":"x"}' AS row(a bigint, b varchar))
CAST(ARRAY[1, 2] AS json)
CAST(MAP(ARRAY['b', 'a'], ARRAY[1, 2]) AS json)
CAST(CAST(ROW(1, 'x') AS row(a bigint, b varchar)) AS json)
CAST('text' AS json)
CAST(json '"text"' AS varchar)
CAST(1.50 AS json)

-- Time
date '2026-11-20'
timestamp '2026-11-20 01:02:03'
timestamp '2026-11-20 01:02:03.123456'
timestamp '2026-11-20 01:02:03 UTC'
timestamp '2026-11-20 01:02:03 Europe/Zurich'
from_iso8601_timestamp('2026-11-20T01:02:03Z')
from_iso8601_timestamp('2026-11-20T01:02:03.123456Z')
from_iso8601_timestamp('2026-11-20T01:02:03.123999Z')
from_iso8601_timestamp('2026-11-20T01:02:03+05:30')
from_iso8601_timestamp('2026-11-20')
from_iso8601_timestamp('2026-11-20 01:02:03')
try(from_iso8601_timestamp('x'))
from_iso8601_timestamp(NULL)
from_iso8601_timestamp_nanos('2026-11-20T01:02:03.123456Z')
from_iso8601_date('2026-11-20')
from_unixtime(1793000000)
from_unixtime(1793000000.123456e0)
to_unixtime(timestamp '2026-11-20 01:02:03.5 UTC')
to_unixtime(from_iso8601_timestamp('2026-11-20T01:02:03.123456Z'))
to_iso8601(from_iso8601_timestamp('2026-11-20T01:02:03.5Z'))
to_iso8601(timestamp '2026-11-20 01:02:03')
to_iso8601(date '2026-11-20')
date_trunc('day', from_iso8601_timestamp('2026-11-20T01:02:03Z'))
date_trunc('hour', timestamp '2026-11-20 01:02:03')
date_trunc('week', date '2026-11-20')
date_trunc('month', date '2026-11-20')
date_trunc('minute', timestamp '2026-11-20 01:02:03.999')
date_add('day', -7, date '2026-11-20')
date_add('hour', 1, timestamp '2026-11-20 23:30:00')
date_add('month', 1, date '2026-01-31')
date_add('millisecond', 1500, timestamp '2026-11-20 23:30:00')
date_diff('day', date '2026-11-01', date '2026-11-20')
date_diff('hour', timestamp '2026-11-20 00:59:00', timestamp '2026-11-20 02:00:00')
date_diff('millisecond', timestamp '2026-11-20 00:00:00.000', timestamp '2026-11-20 00:00:01.234')
date_diff('second', from_iso8601_timestamp('2026-11-20T01:02:03.900Z'), from_iso8601_timestamp('2026-11-20T01:02:05.100Z'))
date_diff('month', date '2026-01-31', date '2026-02-28')
date_diff('day', timestamp '2026-11-20 23:00:00', timestamp '2026-11-21 01:00:00')
date_format(timestamp '2026-11-20 01:02:03.456', '%Y-%m-%d %H:%i:%s.%f')
date_format(timestamp '2026-11-20 13:02:03', '%W %d %M %y %h %p %j %a %b %e %k %l %T %%')
date_parse('2026-11-20 01:02:03', '%Y-%m-%d %H:%i:%s')
date_parse('2026-11-20', '%Y-%m-%d')
date_parse('20/11/2026', '%d/%m/%Y')
try(date_parse('x', '%Y'))
format_datetime(timestamp '2026-11-20 13:02:03.456', 'yyyy-MM-dd HH:mm:ss.SSS')
format_datetime(from_iso8601_timestamp('2026-11-20T01:02:03Z'), 'EEE dd MMM yyyy hh a')
parse_datetime('2026-11-20 01:02', 'yyyy-MM-dd HH:mm')
year(date '2026-11-20')
quarter(date '2026-11-20')
month(date '2026-11-20')
week(date '2026-11-20')
day(date '2026-11-20')
hour(timestamp '2026-11-20 13:02:03')
minute(timestamp '2026-11-20 13:02:03')
second(timestamp '2026-11-20 13:02:03.9')
millisecond(timestamp '2026-11-20 13:02:03.9')
day_of_week(date '2026-11-20')
day_of_year(date '2026-11-20')
year_of_week(date '2027-01-01')
extract(year FROM date '2026-11-20')
extract(dow FROM date '2026-11-20')
last_day_of_month(date '2026-02-03')
date '2026-11-20' + interval '1' day
date '2026-11-20' - interval '1' month
timestamp '2026-11-20 00:00:00' + interval '90' minute
timestamp '2026-11-20 00:00:00' - timestamp '2026-11-19 12:00:00'
interval '3' day
interval '1' year
date '2026-11-20' < date '2026-11-21'
date '2026-11-20' = timestamp '2026-11-20 00:00:00'
timestamp '2026-11-20 01:00:00' AT TIME ZONE 'Europe/Zurich'
from_iso8601_timestamp('2026-11-20T01:02:03Z') AT TIME ZONE 'America/New_York'
at_timezone(from_iso8601_timestamp('2026-11-20T01:02:03Z'), 'UTC')
with_timezone(timestamp '2026-11-20 01:00:00', 'Europe/Zurich')
current_timezone()
date(timestamp '2026-11-20 13:02:03')
date('2026-11-20')
date(from_iso8601_timestamp('2026-11-20T23:59:59Z'))
current_date = date(now())
to_milliseconds(interval '1' hour)
greatest(timestamp '2026-11-20 00:00:00', timestamp '2026-11-21 00:00:00')
'2026-11-20' = CAST(date '2026-11-20' AS varchar)

-- JSON
json_extract_scalar('{"a":{"b":[1,2.50,"x"]}}', '$.a.b[1]')
json_extract_scalar('{"a":{"b":[1,2.50,"x"]}}', '$.a.b[2]')
json_extract_scalar('{"a":{"b":1}}', '$.a')
json_extract_scalar('{"a":null}', '$.a')
json_extract_scalar('{"a":true}', '$.a')
json_extract_scalar('{"a b":1}', '$["a b"]')
json_extract_scalar('{"a":12345678901234567890123456789012345678}', '$.a')
json_extract_scalar('{"a":1E-130}', '$.a')
json_extract_scalar('{"a":1.10}', '$.a')
json_extract_scalar('{"a":10000000.5}', '$.a')
json_extract_scalar('not json', '$.a')
json_extract_scalar('', '$.a')
json_extract_scalar(NULL, '$.a')
json_extract_scalar('["a","b"]', '$[0]')
json_extract_scalar('["a","b"]', '$[5]')
json_extract_scalar('"text"', '$')
json_extract_scalar('{"a":"\u00e9\n"}', '$.a')
json_extract('{"b":1,"a":{"z":1,"y":2}}', '$.a')
json_extract('{"a":[1, 2,  3]}', '$.a')
json_extract('{"a":1.10}', '$')
json_extract('{"a":1}', '$.b')
json_extract('not json', '$')
json_format(json_parse('{"b": 1, "a": [1, 2.50, 1e3]}'))
json_parse('{"b": 1, "a": [1, 2.50]}')
json_parse('12345678901234567890123456789012345678')
json_parse('{"n":12345678901234567890123456789012345678}')
json_parse('{"a":1,"a":2}')
json_parse('not json')
try(json_parse('not json'))
json_parse('"é"')
json_parse('"a\/b"')
json_array_length('[1,[2,3],{}]')
json_array_length('{}')
json_array_length('not json')
json_array_get('[1,"x",{"a":2}]', 2)
json_array_get('[1,"x"]', 1)
json_array_get('[1,"x"]', -1)
json_array_contains('[1,"x",true]', 1)
json_array_contains('[1,"x",true]', 'x')
json_array_contains('["1"]', 1)
json_size('{"a":{"b":1,"c":2}}', '$.a')
json_size('{"a":1}', '$.a')
is_json_scalar('1')
is_json_scalar('[1]')
json '{"a":1}' = json '{"a": 1}'
json_exists('{"a":1}', 'lax $.a')
json_value('{"a":{"b":"x"}}', 'lax $.a.b')
json_query('{"a":{"b":1}}', 'lax $.a')
CAST(json_extract('{"a":["x","y"]}', '$.a') AS array(varchar))
CAST(json_extract('{"a":[{"b":1}]}', '$.a') AS array(row(b bigint)))
cardinality(CAST(json_parse('["a","b"]') AS array(varchar)))
CAST(json_parse('{"a":1,"b":null}') AS map(varchar, json))
map_keys(CAST(json_parse('{"b":1,"a":2}') AS map(varchar, json)))
try_cast(json_parse('{"a":"x"}') AS map(varchar, bigint))

-- Arrays, maps and rows
ARRAY[1, 2, NULL]
ARRAY['a', 'b'][1]
ARRAY['a', 'b'][3]
element_at(ARRAY['a', 'b'], 3)
element_at(ARRAY['a', 'b'], -1)
cardinality(ARRAY[1, NULL])
contains(ARRAY[1, 2], 2)
contains(ARRAY[1, NULL], 3)
array_distinct(ARRAY[2, 1, 2, NULL, NULL])
array_join(ARRAY['a', NULL, 'b'], ',')
array_join(ARRAY['a', NULL, 'b'], ',', '?')
array_join(ARRAY[1, 2], '-')
array_max(ARRAY[1, 3, 2])
array_max(ARRAY[1, NULL])
array_min(ARRAY['b', 'a'])
array_position(ARRAY['a', 'b'], 'b')
array_position(ARRAY['a', 'b'], 'z')
array_remove(ARRAY[1, 2, 1], 1)
array_sort(ARRAY[3, NULL, 1])
array_sort(ARRAY[3, 1, 2], (x, y) -> IF(x < y, 1, IF(x = y, 0, -1)))
array_union(ARRAY[1, 2], ARRAY[2, 3])
array_intersect(ARRAY[1, 2, 2], ARRAY[2, 3])
array_except(ARRAY[1, 2, 2], ARRAY[2])
arrays_overlap(ARRAY[1, 2], ARRAY[2])
flatten(ARRAY[ARRAY[1], ARRAY[2, 3]])
slice(ARRAY[1, 2, 3, 4], 2, 2)
slice(ARRAY[1, 2, 3, 4], -2, 2)
repeat('x', 3)
repeat('x', cardinality(ARRAY[1, 2]))
sequence(1, 4)
sequence(4, 1)
sequence(0, 10, 5)
sequence(date '2026-11-19', date '2026-11-21')
zip(ARRAY[1, 2], ARRAY['a'])
reverse(ARRAY[1, 2])
ARRAY[1] || ARRAY[2]
ARRAY[1] || 2
concat(ARRAY[1], ARRAY[2], ARRAY[3])
transform(ARRAY[1, 2], x -> x * 10)
filter(ARRAY[1, 2, 3], x -> x > 1)
reduce(ARRAY[1, 2, 3], 0, (s, x) -> s + x, s -> s)
any_match(ARRAY[1, 2], x -> x > 1)
all_match(ARRAY[1, 2], x -> x > 1)
none_match(ARRAY[1, 2], x -> x > 2)
zip_with(ARRAY[1, 2], ARRAY[3, 4], (x, y) -> x + y)
MAP(ARRAY['a', 'b'], ARRAY[1, 2])
MAP(ARRAY['a', 'b'], ARRAY[1, 2])['b']
MAP(ARRAY['a'], ARRAY[1])['z']
element_at(MAP(ARRAY['a'], ARRAY[1]), 'z')
cardinality(MAP(ARRAY['a'], ARRAY[1]))
map_keys(MAP(ARRAY['a', 'b'], ARRAY[1, 2]))
map_values(MAP(ARRAY['a', 'b'], ARRAY[1, 2]))
map_entries(MAP(ARRAY['a'], ARRAY[1]))
map_from_entries(ARRAY[('a', 1), ('b', 2)])
map_concat(MAP(ARRAY['a'], ARRAY[1]), MAP(ARRAY['b'], ARRAY[2]))
map_filter(MAP(ARRAY['a', 'b'], ARRAY[1, 2]), (k, v) -> v > 1)
transform_values(MAP(ARRAY['a'], ARRAY[1]), (k, v) -> v * 2)
transform_keys(MAP(ARRAY['a'], ARRAY[1]), (k, v) -> k || '!')
ROW(1, 'x')
CAST(ROW(1, 'x') AS row(a bigint, b varchar))
CAST(ROW(1, 'x') AS row(a bigint, b varchar)).b
ROW(1, 2) = ROW(1, 2)
ARRAY[1, 2] < ARRAY[1, 3]
ARRAY[CAST(ROW(1, NULL) AS row(a bigint, b varchar))]
ARRAY[ARRAY[1], NULL]
ARRAY[]
MAP()
ARRAY[true, false]
ARRAY[1.5, 2]
ARRAY[date '2026-11-20']

-- Aggregates
SELECT count(*), count(x), count(DISTINCT x), sum(x), avg(x), min(x), max(x) FROM (VALUES 1, 2, 2, NULL) AS t(x)
SELECT sum(x), avg(x), min(x), count(x), count(*) FROM (SELECT 1 AS x WHERE FALSE)
SELECT sum(x), avg(x) FROM (VALUES 1.10, 2.25) AS t(x)
SELECT sum(x), avg(x) FROM (VALUES 1e0, 2.5e0) AS t(x)
SELECT sum(CAST(x AS decimal(38,0))) FROM (VALUES '12345678901234567890123456789012345678', '1') AS t(x)
SELECT sum(x) FROM (VALUES BIGINT '9223372036854775807', 1) AS t(x)
SELECT max_by(x, y), min_by(x, y) FROM (VALUES ('a', 1), ('b', 3), ('c', 2)) AS t(x, y)
SELECT max_by(x, y) FROM (VALUES ('a', NULL), ('b', 3), (NULL, 4)) AS t(x, y)
SELECT max_by(x, y, 2) FROM (VALUES ('a', 1), ('b', 3), ('c', 2)) AS t(x, y)
SELECT max(x, 2), min(x, 2) FROM (VALUES 1, 3, 2) AS t(x)
SELECT count_if(x > 1) FROM (VALUES 1, 2, 3, NULL) AS t(x)
SELECT bool_and(x), bool_or(x), every(x) FROM (VALUES TRUE, FALSE, NULL) AS t(x)
SELECT array_agg(x ORDER BY x DESC) FROM (VALUES 1, 3, 2) AS t(x)
SELECT array_agg(x ORDER BY x) FROM (VALUES 1, NULL, 2) AS t(x)
SELECT array_agg(DISTINCT x) FROM (VALUES 1, 1) AS t(x)
SELECT array_agg(x ORDER BY x) FILTER (WHERE x IS NOT NULL) FROM (VALUES 1, NULL, 2) AS t(x)
SELECT map_agg(k, v) FROM (VALUES ('a', 1), ('b', 2)) AS t(k, v)
SELECT histogram(x) FROM (VALUES 'a', 'a') AS t(x)
SELECT arbitrary(x), any_value(x) FROM (VALUES 5, 5) AS t(x)
SELECT approx_percentile(x, 0.5) FROM (VALUES 1, 2, 3, 4, 5) AS t(x)
SELECT approx_percentile(x, ARRAY[0.5, 0.9, 0.99]) FROM UNNEST(sequence(1, 100)) AS t(x)
SELECT approx_percentile(x, 0.9) FROM (VALUES 1e0, 2e0, 3e0, 4e0, 10e0) AS t(x)
SELECT approx_percentile(CAST(x AS double), 0.5) FROM UNNEST(sequence(1, 4)) AS t(x)
SELECT approx_distinct(x) FROM (VALUES 'a', 'b', 'a') AS t(x)
SELECT stddev(x), variance(x), stddev_pop(x), var_pop(x) FROM (VALUES 1e0, 2e0, 4e0) AS t(x)
SELECT corr(y, x), covar_samp(y, x) FROM (VALUES (1e0, 2e0), (2e0, 4e0), (3e0, 7e0)) AS t(x, y)
SELECT listagg(x, ',') WITHIN GROUP (ORDER BY x) FROM (VALUES 'b', 'a') AS t(x)
SELECT checksum(x) IS NOT NULL FROM (VALUES 1) AS t(x)
SELECT k, sum(v) FROM (VALUES ('a', 1), ('b', 2), ('a', 3)) AS t(k, v) GROUP BY k ORDER BY k
SELECT k, sum(v) FROM (VALUES ('a', 1), ('b', 2)) AS t(k, v) GROUP BY 1 HAVING sum(v) > 1 ORDER BY 1
SELECT k, sum(v) FROM (VALUES ('a', 1), ('b', 2)) AS t(k, v) GROUP BY ROLLUP (k) ORDER BY k NULLS LAST
SELECT a, b, count(*) FROM (VALUES (1, 2), (1, 3)) AS t(a, b) GROUP BY GROUPING SETS ((a), (a, b)) ORDER BY a, b
SELECT a, b, count(*) FROM (VALUES (1, 2), (1, 3)) AS t(a, b) GROUP BY CUBE (a, b) ORDER BY a, b
SELECT x, count(*) AS n FROM (VALUES 'b', 'a', 'b') AS t(x) GROUP BY x ORDER BY n DESC, x LIMIT 1
SELECT reduce_agg(x, 0, (a, b) -> a + b, (a, b) -> a + b) FROM (VALUES 1, 2, 3) AS t(x)
SELECT multimap_agg(k, v) FROM (VALUES ('a', 1), ('a', 2)) AS t(k, v)
SELECT count(DISTINCT (a, b)) FROM (VALUES (1, 2), (1, 2)) AS t(a, b)

-- Windows
SELECT x, row_number() OVER (ORDER BY x) FROM (VALUES 'b', 'a') AS t(x) ORDER BY x
SELECT x, rank() OVER (ORDER BY y), dense_rank() OVER (ORDER BY y) FROM (VALUES ('a', 1), ('b', 1), ('c', 2)) AS t(x, y) ORDER BY x
SELECT x, lag(x) OVER (ORDER BY x), lead(x) OVER (ORDER BY x) FROM (VALUES 1, 2, 3) AS t(x) ORDER BY x
SELECT x, lag(x, 2, 0) OVER (ORDER BY x) FROM (VALUES 1, 2, 3) AS t(x) ORDER BY x
SELECT x, lag(y) IGNORE NULLS OVER (ORDER BY x) FROM (VALUES (1, 'a'), (2, NULL), (3, 'c')) AS t(x, y) ORDER BY x
SELECT x, first_value(x) OVER (ORDER BY x), last_value(x) OVER (ORDER BY x) FROM (VALUES 1, 2, 3) AS t(x) ORDER BY x
SELECT x, sum(x) OVER (ORDER BY x) FROM (VALUES 1, 2, 2, 3) AS t(x) ORDER BY x
SELECT x, sum(x) OVER (ORDER BY x ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM (VALUES 1, 2, 3) AS t(x) ORDER BY x
SELECT k, v, max(v) OVER (PARTITION BY k) FROM (VALUES ('a', 1), ('a', 2), ('b', 3)) AS t(k, v) ORDER BY k, v
SELECT x, max_by(x, y) OVER (), count(*) OVER () FROM (VALUES ('a', 2), ('b', 1)) AS t(x, y) ORDER BY x
SELECT x, ntile(2) OVER (ORDER BY x), percent_rank() OVER (ORDER BY x), cume_dist() OVER (ORDER BY x) FROM (VALUES 1, 2, 3, 4) AS t(x) ORDER BY x
SELECT x, nth_value(x, 2) OVER (ORDER BY x) FROM (VALUES 1, 2, 3) AS t(x) ORDER BY x
SELECT x, row_number() OVER w AS r FROM (VALUES 2, 1) AS t(x) WINDOW w AS (ORDER BY x) ORDER BY r

-- Queries
VALUES (1, 'a'), (2, 'b')
SELECT x FROM (VALUES 2, NULL, 1) AS t(x) ORDER BY x
SELECT x FROM (VALUES 2, NULL, 1) AS t(x) ORDER BY x DESC
SELECT x FROM (VALUES 2, NULL, 1) AS t(x) ORDER BY x NULLS FIRST
SELECT x FROM (VALUES 'b', 'B', 'a', 'é') AS t(x) ORDER BY x
SELECT x FROM (VALUES 1, 2, 3) AS t(x) ORDER BY x OFFSET 1 LIMIT 1
SELECT x FROM (VALUES 1, 2, 3) AS t(x) ORDER BY x FETCH FIRST 2 ROWS ONLY
SELECT DISTINCT x FROM (VALUES 1, 1, NULL, NULL) AS t(x) ORDER BY x
SELECT x FROM (VALUES 1, 2) AS t(x) UNION SELECT 2 ORDER BY x
SELECT x FROM (VALUES 1, 2) AS t(x) UNION ALL SELECT 2 ORDER BY x
SELECT x FROM (VALUES 1, 2) AS t(x) EXCEPT SELECT 2
SELECT x FROM (VALUES 1, 2) AS t(x) INTERSECT SELECT 2
SELECT a.x, b.y FROM (VALUES 1, 2) AS a(x) LEFT JOIN (VALUES (2, 'b')) AS b(x, y) ON a.x = b.x ORDER BY 1
SELECT x, a.y, b.y FROM (VALUES (1, 'a')) AS a(x, y) JOIN (VALUES (1, 'b')) AS b(x, y) USING (x)
SELECT a.x, b.x FROM (VALUES 1) AS a(x) FULL JOIN (VALUES 2) AS b(x) ON a.x = b.x ORDER BY 1
SELECT x, n FROM (VALUES ARRAY['a', 'b']) AS t(a) CROSS JOIN UNNEST(a) WITH ORDINALITY AS u(x, n)
SELECT t.id, u.x FROM (VALUES (1, ARRAY[1, 2]), (2, ARRAY[])) AS t(id, a) LEFT JOIN UNNEST(a) AS u(x) ON TRUE ORDER BY 1, 2
SELECT k, v FROM UNNEST(MAP(ARRAY['a', 'b'], ARRAY[1, 2])) AS t(k, v) ORDER BY k
SELECT a, b FROM UNNEST(ARRAY[CAST(ROW(1, 'x') AS row(p bigint, q varchar))]) AS t(a, b)
SELECT x, y FROM UNNEST(ARRAY[1, 2], ARRAY['a']) AS t(x, y) ORDER BY x
WITH a AS (SELECT 1 AS x), b AS (SELECT x + 1 AS y FROM a) SELECT x, y FROM a CROSS JOIN b
WITH RECURSIVE t(n) AS (VALUES 1 UNION ALL SELECT n + 1 FROM t WHERE n < 4) SELECT n FROM t ORDER BY n
SELECT x FROM (VALUES 1, 2, 3) AS t(x) WHERE x IN (SELECT y FROM (VALUES 2, 3) AS u(y)) ORDER BY x
SELECT x FROM (VALUES 1, 2) AS t(x) WHERE x NOT IN (SELECT y FROM (VALUES 2, NULL) AS u(y))
SELECT x FROM (VALUES 1, 2) AS t(x) WHERE EXISTS (SELECT 1 FROM (VALUES 2) AS u(y) WHERE y = x)
SELECT x, (SELECT max(y) FROM (VALUES 1, 2) AS u(y) WHERE y <= x) FROM (VALUES 1, 2) AS t(x) ORDER BY x
SELECT x FROM (VALUES 1, 2, 3) AS t(x) WHERE x > ALL (SELECT y FROM (VALUES 1, 2) AS u(y))
SELECT "Select" FROM (SELECT 1 AS "Select")
SELECT A FROM (SELECT 1 AS a)
SELECT 1 AS "a", 2 AS "A b"
SELECT 1, 2
SELECT 1 + 1, 'x' AS y, NULL
SELECT * FROM (VALUES (1, 'a')) AS t(x, "y z")
SELECT t.* FROM (VALUES (1, 'a')) AS t(x, y)
SELECT count(*) FROM (VALUES 1, 2) AS t(x) WHERE x = NULL
SELECT x FROM (VALUES ('a', 1), ('b', 2)) AS t(k, x) WHERE (k, x) IN (('a', 1), ('c', 3))
SELECT nope FROM (VALUES 1) AS t(x)
SELECT 1 WHERE 'a' = 1
SELECT x FROM (VALUES 1) AS t(x) GROUP BY x HAVING nope > 1
SELECT x, count(*) FROM (VALUES 1) AS t(x)
SELECT nope(1)
SELECT FROM
SELECT 1 2
SELECT length(1)
SELECT CASE WHEN x > 0 THEN x END FROM (VALUES -1, 1) AS t(x) ORDER BY 1
SELECT IF(x IS NULL, 'none', x) FROM (VALUES NULL, 'a') AS t(x) ORDER BY 1
SELECT TRY(1 / x) FROM (VALUES 0, 1) AS t(x) ORDER BY 1
SELECT x FROM (VALUES 1, 2, 3, 4) AS t(x) TABLESAMPLE BERNOULLI (100) ORDER BY x
