-- What stands in the database before a connector sees it: its snapshot.
CREATE EXTENSION hstore;
CREATE EXTENSION citext;
CREATE EXTENSION ltree;
CREATE TYPE mood AS ENUM ('sad', 'ok', 'very happy');
CREATE DOMAIN email AS text CHECK (VALUE LIKE '%@%');
CREATE DOMAIN price AS numeric(9, 3);
CREATE DOMAIN feeling AS mood;
CREATE DOMAIN workmail AS email;
CREATE DOMAIN tags AS text[];
CREATE SCHEMA sales;

CREATE TABLE numbers (
  id int PRIMARY KEY, small int2, medium int4, big int8, o oid, real4 float4, real8 float8, flag bool, exact numeric(8, 2), whole numeric(5), free numeric, cash money, cost price, serials serial
);
CREATE TABLE texts (
  id bigserial PRIMARY KEY, t text, v varchar(20), c char(5), ch "char", n name, ci citext, lt ltree, x xml, j json, jb jsonb, u uuid, e mood, d email, ip inet, net cidr, mac macaddr, mac8 macaddr8, ts tsvector, tq tsquery,
  h hstore, by bytea, b1 bit(1), b3 bit(3), b20 bit(20), vb bit varying(9), vbx bit varying
);
CREATE TABLE times (
  id int PRIMARY KEY, d date, t time, t0 time(0), t3 time(3), t6 time(6), tz timetz, tz3 timetz(3), ts timestamp, ts0 timestamp(0), ts3 timestamp(3), ts6 timestamp(6), tstz timestamptz, tstz3 timestamptz(3), i interval, i0 interval(0)
);
CREATE TABLE shapes (
  id int PRIMARY KEY, pt point, bx box, ls lseg, pa path, po polygon, ci circle, li line, r4 int4range, r8 int8range, rn numrange, rts tsrange, rtz tstzrange, rd daterange
);
CREATE TABLE arrays (
  id int PRIMARY KEY, i2 int2[], i4 int4[], i8 int8[], f4 float4[], f8 float8[], b bool[], t text[], v varchar(10)[], c char(3)[], n numeric(6, 2)[], nf numeric[], d date[], tm time[], ts timestamp[], tstz timestamptz[], u uuid[], j jsonb[], e mood[],
  ip inet[], by bytea[], ci citext[], m int4[][]
);
CREATE TABLE needed (
  id int PRIMARY KEY DEFAULT 7, s int2 NOT NULL DEFAULT 3, i int4 NOT NULL DEFAULT 42, l int8 NOT NULL, t text NOT NULL DEFAULT 'it''s', v varchar(9) NOT NULL, b bool NOT NULL DEFAULT true, n numeric(6, 2) NOT NULL DEFAULT 1.5, f float8 NOT NULL DEFAULT 2.25,
  d date NOT NULL DEFAULT '2020-02-29', ts timestamp NOT NULL DEFAULT '2021-03-04 05:06:07.89', tz timestamptz NOT NULL DEFAULT now(), u uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000001', j jsonb NOT NULL DEFAULT '{"a": 1}', e mood NOT NULL DEFAULT 'ok', by bytea NOT NULL DEFAULT '\x0102', o int4 DEFAULT 5
);
-- What is built on other types, and arrays of what the table above does not have.
CREATE TABLE more (
  id int PRIMARY KEY, feeling feeling, mail workmail, tags tags, mr int4multirange, jp jsonb, at pg_lsn, i interval[], tz timetz[], cash money[], bits bit varying[], h hstore[], lt ltree[], mac macaddr[], nets cidr[], vals xml[], r4 int4range[], js json[],
  os oid[], pts point[]
);
CREATE TABLE nokey (a int, b text);
CREATE TABLE wholerow (id int PRIMARY KEY, a text, b int);
ALTER TABLE wholerow REPLICA IDENTITY FULL;
CREATE TABLE uniquekey (a int NOT NULL, b text NOT NULL, c text);
CREATE UNIQUE INDEX uniquekey_ab ON uniquekey (b, a);
ALTER TABLE uniquekey REPLICA IDENTITY USING INDEX uniquekey_ab;
CREATE TABLE pairs (b int, a text, v text, PRIMARY KEY (a, b));
CREATE TABLE big (id int PRIMARY KEY, small text, large text, raw bytea, list int4[], words text[], h hstore, j jsonb);
ALTER TABLE big ALTER large SET STORAGE EXTERNAL, ALTER raw SET STORAGE EXTERNAL, ALTER list SET STORAGE EXTERNAL, ALTER words SET STORAGE EXTERNAL, ALTER h SET STORAGE EXTERNAL, ALTER j SET STORAGE EXTERNAL;
CREATE TABLE "Odd Name" ("Id" int PRIMARY KEY, "a.b" text, "ü" text);
CREATE TABLE sales.orders (id int PRIMARY KEY, total numeric(10, 2));
CREATE TABLE computed (id int PRIMARY KEY, a int, twice int GENERATED ALWAYS AS (a * 2) STORED);
CREATE TABLE parts (id int, region text, v text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE parts_eu PARTITION OF parts FOR VALUES IN ('eu');
CREATE TABLE parts_us PARTITION OF parts FOR VALUES IN ('us');
CREATE TABLE changing (id int PRIMARY KEY, a int);
CREATE TABLE emptied (id int PRIMARY KEY);
CREATE TABLE fullkey (id int PRIMARY KEY, note text, large text);
ALTER TABLE fullkey REPLICA IDENTITY FULL, ALTER large SET STORAGE EXTERNAL;
CREATE TABLE unnamed (id int PRIMARY KEY, a text);
ALTER TABLE unnamed REPLICA IDENTITY NOTHING;
CREATE TABLE outbox (id uuid PRIMARY KEY, aggregatetype text NOT NULL, aggregateid text NOT NULL, type text, payload jsonb, tenant int, urgent bool, made timestamptz, amount numeric(8, 2), day date, stamp timestamp);
CREATE TABLE finished (id int PRIMARY KEY);

INSERT INTO numbers (id, small, medium, big, o, real4, real8, flag, exact, whole, free, cash, cost) VALUES
  (1, 1, 2, 3, 4, 1.5, 2.5, true, 12.34, 99, 1234567890.0987654321, 1234.5, 9.875),
  (2, -32768, -2147483648, -9223372036854775808, 4294967295, -3.4028235e38, 1.7976931348623157e308, false, -999999.99, -99999, -0.00001, -0.01, -1.001);
INSERT INTO texts (t, v, c, ch, n, ci, lt, x, j, jb, u, e, d, ip, net, mac, mac8, ts, tq, h, by, b1, b3, b20, vb, vbx) VALUES
  ('text', 'varchar', 'ab', 'z', 'a_name', 'CiText', 'Top.Science', '<a>1</a>', '{"b": 1, "a" : [1,2]}', '{"b": 1, "a": [1, 2]}', '11111111-2222-3333-4444-555555555555', 'very happy', 'a@b', '192.168.0.1/24', '10.0.0.0/8', '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05',
   'a fat cat'::tsvector, 'fat & cat'::tsquery, 'a=>1, b=>NULL, "c d"=>"x\"y"', '\x00ff10', B'1', B'101', B'00000000000000000101', B'1', B'1100110011');
INSERT INTO texts (t) VALUES (NULL);
INSERT INTO times VALUES
  (1, '2026-01-02', '03:04:05.678901', '03:04:05', '03:04:05.678', '03:04:05.678901', '03:04:05.6+02', '03:04:05.678-03:30', '2026-01-02 03:04:05.678901', '2026-01-02 03:04:05', '2026-01-02 03:04:05.678', '2026-01-02 03:04:05.678901', '2026-01-02 03:04:05.678901+01', '2026-01-02 03:04:05.678+00', '1 year 2 mons 3 days 04:05:06.78', '1 day');
INSERT INTO shapes VALUES (1, '(1,2.5)', '((0,0),(1,2))', '[(0,0),(3,4)]', '[(0,0),(1,1),(2,0)]', '((0,0),(1,1),(2,0))', '<(1,2),3>', '{1,2,3}', '[1,5)', '[1,50)', '[1.5,2.5]', '[2026-01-01,2026-01-02)', '[2026-01-01 00:00+00,2026-01-02 00:00+00)', '[2026-01-01,2026-01-05)');
INSERT INTO arrays VALUES (1, '{1,2}', '{3,NULL,-4}', '{5}', '{1.5}', '{2.5,NaN}', '{t,f,NULL}', '{a,"b c","d\"e",NULL,"NULL",""}', '{x}', '{y}', '{1.50,-2}', '{1.25,3}', '{2026-01-02}', '{03:04:05}', '{"2026-01-02 03:04:05"}', '{"2026-01-02 03:04:05+00"}', '{11111111-2222-3333-4444-555555555555}',
  ARRAY['{"a": 1}'::jsonb], '{sad,"very happy"}', '{10.0.0.1}', '{"\\x01ff"}', '{Ab}', '{{1,2},{3,4}}');
INSERT INTO needed (id, l, v, tz) VALUES (1, 9, 'v', '2026-01-02 03:04:05+00');
INSERT INTO more VALUES (1, 'very happy', 'a@b', '{a,b}', '{[1,5),[7,9)}', '{"a": 1}', '16/B374D848', '{1 day}', '{03:04:05.6+02}', '{1.50}', '{101}', '{a=>1}', '{Top.Science}', '{08:00:2b:01:02:03}', '{10.0.0.0/8}', '{<a/>}', '{"[1,5)"}', '{"{\"a\": 1}"}', '{1}', '{"(1,2)"}');
INSERT INTO unnamed VALUES (1, 'x');
INSERT INTO outbox VALUES ('11111111-2222-3333-4444-555555555550', 'Order', '1', 'old', '{"old": true}', 1, true, '2025-01-01 00:00:00+00', 1, '2025-01-01', '2025-01-01 00:00:00.123456');
INSERT INTO nokey VALUES (1, 'x');
INSERT INTO wholerow VALUES (1, 'a', 1), (2, 'b', 2);
INSERT INTO uniquekey VALUES (1, 'k', 'c');
INSERT INTO pairs VALUES (1, 'a', 'v');
INSERT INTO big VALUES (1, 's', repeat('0123456789', 900), decode(repeat('00ff', 4500), 'hex'), array(SELECT generate_series(1, 1200)), array(SELECT 'word ' || n FROM generate_series(1, 900) n), hstore('k', repeat('v', 9000)), jsonb_build_object('k', repeat('j', 9000)));
INSERT INTO "Odd Name" VALUES (1, 'dot', 'ü "quoted" \ back');
INSERT INTO sales.orders VALUES (1, 10), (2, 20.5);
INSERT INTO computed VALUES (1, 4);
INSERT INTO parts VALUES (1, 'eu', 'a'), (2, 'us', 'b');
INSERT INTO changing VALUES (1, 1);
INSERT INTO emptied VALUES (1), (2);
