-- What a connector asks the catalog about its tables, as one JSON value.
SELECT json_build_object(
  'relations', (
    SELECT json_agg(json_build_object(
      'id', c.oid::bigint, 'schema', nspname, 'table', relname, 'identity', relreplident,
      'columns', (
        SELECT json_agg(json_build_object(
          'name', attname, 'type', atttypid::bigint, 'typmod', atttypmod, 'not_null', attnotnull, 'generated', attgenerated <> '',
          'default', coalesce(pg_get_expr(adbin, adrelid), '')) ORDER BY attnum)
        FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE a.attrelid = c.oid AND attnum > 0 AND NOT attisdropped),
      'key', (
        SELECT coalesce(json_agg(attname ORDER BY array_position(indkey::int2[], attnum)), '[]')
        FROM (SELECT indkey FROM pg_index i WHERE i.indrelid = c.oid AND indisunique AND indpred IS NULL AND indexprs IS NULL
              ORDER BY indisprimary DESC, indexrelid LIMIT 1) k
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (indkey::int2[]))) ORDER BY c.oid)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE relkind IN ('r', 'p') AND nspname IN ('public', 'sales')),
  'types', (
    SELECT json_agg(json_build_object(
      'oid', t.oid::bigint, 'name', typname, 'kind', typtype, 'category', typcategory, 'element', typelem::bigint, 'base', typbasetype::bigint, 'base_typmod', typtypmod,
      'labels', (SELECT coalesce(json_agg(enumlabel ORDER BY enumsortorder), '[]') FROM pg_enum e WHERE e.enumtypid = t.oid)) ORDER BY t.oid)
    FROM pg_type t WHERE t.oid >= 16384 AND typtype IN ('b', 'e', 'd')));
