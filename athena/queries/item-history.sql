-- Every change of one item, oldest first, with the item's columns as each change left them; a REMOVE shows
-- the last state.
-- Parameter 1: the item's key as change_key has it, canonical DynamoDB JSON, e.g. '{"pk":{"S":"order-1"}}'.
-- Reads the whole lake; add AND dt >= '2026-11-01' to read less.
SELECT DISTINCT *
FROM changes
WHERE change_key = ?
ORDER BY change_time, change_sequence
