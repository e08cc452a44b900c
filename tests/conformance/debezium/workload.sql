-- What happens while connectors stream. Every statement is a transaction of its own, but for what stands between BEGIN and COMMIT.
-- After each step every connector has caught up: what a connector asks the catalog is then the same for all. At a restart all of them
-- end, and go on.
INSERT INTO numbers (id, small, medium, big, o, real4, real8, flag, exact, whole, free, cash, cost) VALUES (3, 32767, 2147483647, 9223372036854775807, 0, 3.1415927, 0.1, NULL, 0, 0, 100, 0, 0);
INSERT INTO numbers (id, real4, real8, free) VALUES (4, 'Infinity', '-Infinity', 12345678901234567890123456789.123456789);
INSERT INTO numbers (id, real4, real8, free) VALUES (5, 1e-7, 1e21, 1e3);
INSERT INTO numbers (id, real4, real8, free) VALUES (6, 'NaN', 'NaN', NULL);
INSERT INTO texts (t, v, c, ch, n, ci, lt, x, j, jb, u, e, d, ip, net, mac, mac8, ts, tq, h, by, b1, b3, b20, vb, vbx) VALUES
  (E'tab\tnewline\nquote"back\\ \u00fc \U0001F600 \x01', '', '', 'a', '', '', '', '<b/>', '[]', '"s"', '00000000-0000-0000-0000-000000000000', 'sad', '@', '::1', '::/0', '00:00:00:00:00:00', 'ff:ff:ff:ff:ff:ff:ff:ff', '', '''x''', '', '', B'0', B'000', B'10000000000000000001', B'', B'');
UPDATE texts SET t = 'changed' WHERE id = 1;
INSERT INTO times VALUES
  (2, '1969-12-31', '00:00', '23:59:59', '23:59:59.999', '23:59:59.999999', '23:59:59.999999-12', '00:00+00', '1969-12-31 23:59:59.999999', '1900-01-01', '0001-01-01', '9999-12-31 23:59:59.999999', '1900-01-01 00:00+00', '9999-12-31 23:59:59.999+00', '-1 mons -2 days -00:00:03', '10 years');
INSERT INTO times (id, ts, tstz) VALUES (3, 'infinity', 'infinity');
INSERT INTO times (id, ts, tstz) VALUES (4, '-infinity', '-infinity');
INSERT INTO times (id, d) VALUES (6, 'infinity'), (7, '-infinity');
INSERT INTO times (id, d, ts, tstz, t, i) VALUES (5, '0044-03-15 BC', '0044-03-15 12:00 BC', '2026-07-01 12:00:00.5+02', '24:00:00', '100:00:00');
INSERT INTO shapes VALUES (2, '(-1e-9,1e9)', '((0,0),(0,0))', '[(0,0),(0,0)]', '((0,0),(1,1))', '((0,0))', '<(0,0),0>', '{0,1,0}', 'empty', '(,5)', '(,)', '[2026-01-01 12:30:00.5,)', '(,2026-01-01 00:00+00)', '(,)');
INSERT INTO shapes (id) VALUES (3);
INSERT INTO arrays (id, i4, t, n, m) VALUES (2, '{}', '{}', '{NULL}', '{}');
INSERT INTO arrays (id) VALUES (3);
INSERT INTO arrays (id, t, ts, tstz, d, tm, e) VALUES (4, '{"{}","a,b",null}', '{"1900-01-01 00:00:00.000001"}', '{"2026-07-01 12:00:00.5+02",NULL}', '{1969-12-31,NULL}', '{23:59:59.999999}', '{ok}');
INSERT INTO needed (id, l, v) VALUES (2, -1, '');
UPDATE needed SET id = 3 WHERE id = 2;
DELETE FROM needed WHERE id = 3;
INSERT INTO nokey VALUES (2, NULL);
UPDATE wholerow SET a = 'a2' WHERE id = 1;
UPDATE wholerow SET id = 10 WHERE id = 1;
DELETE FROM wholerow WHERE id = 2;
INSERT INTO uniquekey VALUES (2, 'l', NULL);
UPDATE uniquekey SET c = 'd' WHERE a = 1;
UPDATE uniquekey SET b = 'm' WHERE a = 2;
DELETE FROM uniquekey WHERE a = 1;
INSERT INTO pairs VALUES (2, 'b', NULL);
UPDATE pairs SET v = 'w' WHERE b = 1;
UPDATE pairs SET a = 'c' WHERE b = 2;
DELETE FROM pairs WHERE b = 1;
UPDATE big SET small = 't' WHERE id = 1;
UPDATE big SET id = 2 WHERE id = 1;
UPDATE big SET large = 'short', list = NULL WHERE id = 2;
DELETE FROM big WHERE id = 2;
INSERT INTO "Odd Name" VALUES (2, '', NULL);
UPDATE "Odd Name" SET "Id" = 3 WHERE "Id" = 2;
BEGIN;
INSERT INTO sales.orders VALUES (3, 30);
UPDATE sales.orders SET total = total + 1 WHERE id < 3;
DELETE FROM sales.orders WHERE id = 1;
INSERT INTO computed VALUES (2, 5);
SELECT pg_logical_emit_message(true, 'audit', 'inside a transaction');
COMMIT;
BEGIN;
INSERT INTO sales.orders VALUES (99, 99);
ROLLBACK;
SELECT pg_logical_emit_message(false, 'audit', E'\\x00ff41'::bytea);
SELECT pg_logical_emit_message(true, 'other', '');
INSERT INTO fullkey VALUES (1, 'b', repeat('0123456789', 900));
UPDATE fullkey SET note = 'c';
UPDATE fullkey SET id = 2;
DELETE FROM fullkey;
INSERT INTO unnamed VALUES (2, 'y');
INSERT INTO more VALUES (2, 'sad', 'a@b', '{"x,y",NULL}', '{}', '[]', '0/16B3748', '{}', '{00:00+00}', '{0}', '{0}', '{a=>NULL}', '{A}', '{ff:ff:ff:ff:ff:ff}', '{::/0}', '{}', '{empty}', '{null}', '{4294967295}', '{"(0,1)"}');
INSERT INTO more (id) VALUES (3);
INSERT INTO outbox VALUES
  ('11111111-2222-3333-4444-555555555555', 'Order', '7', 'placed', '{"total": 12.50, "lines": [{"n": 1}, {"n": 2}], "note": null, "text": "a \"b\" ü", "big": 9007199254740993}', 3, true, '2026-01-02 03:04:05.678901+01', 12.50, '2026-01-02', '2026-01-02 03:04:05.678901'),
  ('11111111-2222-3333-4444-555555555556', 'Customer', 'c 1', 'changed', '{}', NULL, NULL, '2026-01-02 03:04:05+00', NULL, NULL, NULL);
INSERT INTO outbox VALUES ('11111111-2222-3333-4444-555555555557', 'Order', '7', 'removed', NULL, 0, false, '1969-12-31 23:59:59.999+00', -0.5, '1969-12-31', '2001-02-03 04:05:06.789');
UPDATE outbox SET tenant = 4 WHERE aggregatetype = 'Customer';
DELETE FROM outbox WHERE aggregatetype = 'Order';
INSERT INTO parts VALUES (3, 'eu', 'c');
UPDATE parts SET region = 'us' WHERE id = 3;
DELETE FROM parts WHERE id = 1;
UPDATE changing SET a = 2;
-- step
ALTER TABLE changing ADD COLUMN b text DEFAULT 'new', ADD COLUMN c int NOT NULL DEFAULT 8;
INSERT INTO changing VALUES (2, 20, 'y', 9);
UPDATE changing SET a = 3 WHERE id = 1;
-- restart
ALTER TABLE changing RENAME COLUMN a TO renamed;
ALTER TABLE changing DROP COLUMN b;
INSERT INTO changing VALUES (3, 30, 10);
-- step
ALTER TABLE changing ALTER renamed TYPE bigint;
INSERT INTO changing VALUES (4, 40, 11);
TRUNCATE emptied, nokey;
INSERT INTO emptied VALUES (3);
TRUNCATE changing RESTART IDENTITY CASCADE;
