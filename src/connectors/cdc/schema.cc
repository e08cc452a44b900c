#include "connectors/cdc/schema.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "connectors/cdc/change.h"
#include "connectors/cdc/config.h"
#include "connectors/cdc/text.h"
#include "connectors/cdc/values.h"

namespace weir::cdc {

namespace {

// What stands around `optional` in a schema: {"type":…[,"fields"…],"optional":…[,rest]}.
struct Shape {
  std::string head;  // "type":"string" or with its fields
  std::string tail;  // ,"name":…,"version":1,… or nothing
};

constexpr std::string_view kSource =
    R"({"type":"struct","fields":[{"type":"string","optional":false,"field":"version"},)"
    R"({"type":"string","optional":false,"field":"connector"},)"
    R"({"type":"string","optional":false,"field":"name"},)"
    R"({"type":"int64","optional":false,"field":"ts_ms"},)"
    R"({"type":"string","optional":true,"name":"io.debezium.data.Enum","version":1,)"
    R"("parameters":{"allowed":"true,first,first_in_data_collection,last_in_data_collection,last,)"
    R"(false,incremental"},"default":"false","field":"snapshot"},)"
    R"({"type":"string","optional":false,"field":"db"},)"
    R"({"type":"string","optional":true,"field":"sequence"},)"
    R"({"type":"int64","optional":true,"field":"ts_us"},)"
    R"({"type":"int64","optional":true,"field":"ts_ns"},)"
    R"({"type":"string","optional":false,"field":"schema"},)"
    R"({"type":"string","optional":false,"field":"table"},)"
    R"({"type":"int64","optional":true,"field":"txId"},)"
    R"({"type":"int64","optional":true,"field":"lsn"},)"
    R"({"type":"int64","optional":true,"field":"xmin"},)"
    R"({"type":"string","optional":true,"field":"origin"},)"
    R"({"type":"int64","optional":true,"field":"origin_lsn"}],"optional":false,)"
    R"("name":"io.debezium.connector.postgresql.Source","version":1,"field":"source"})";

constexpr std::string_view kTransaction =
    R"({"type":"struct","fields":[{"type":"string","optional":false,"field":"id"},)"
    R"({"type":"int64","optional":false,"field":"total_order"},)"
    R"({"type":"int64","optional":false,"field":"data_collection_order"}],"optional":true,)"
    R"("name":"event.block","version":1,"field":"transaction"})";

constexpr std::string_view kPointFields =
    R"("type":"struct","fields":[{"type":"double","optional":false,"field":"x"},)"
    R"({"type":"double","optional":false,"field":"y"},)"
    R"({"type":"bytes","optional":true,"field":"wkb"},)"
    R"({"type":"int32","optional":true,"field":"srid"}])";
constexpr std::string_view kPointTail =
    R"j(,"name":"io.debezium.data.geometry.Point","version":1,"doc":"Geometry (POINT)")j";

std::string named(std::string_view name, std::string_view parameters = {}) {
  std::string tail = R"(,"name":")";
  tail += name;
  tail += R"(","version":1)";
  tail += parameters;
  return tail;
}

Shape plain(std::string_view type) {
  return {R"("type":")" + std::string(type) + '"', {}};
}

Shape named_as(std::string_view type, std::string_view name) {
  return {plain(type).head, named(name)};
}

Shape decimal(int32_t scale, int32_t precision) {
  std::string parameters = R"(,"parameters":{"scale":")" + std::to_string(scale) + '"';
  if (precision > 0) {
    parameters += R"(,"connect.decimal.precision":")" + std::to_string(precision) + '"';
  }
  return {plain("bytes").head, named("org.apache.kafka.connect.data.Decimal", parameters + '}')};
}

Shape numeric(const Type& type, const Style& style) {
  if (style.decimal == DecimalMode::kString) return plain("string");
  if (style.decimal == DecimalMode::kDouble) return plain("double");
  if (type.kind == TypeKind::kMoney) return decimal(style.money_digits, 0);
  if (type.kind == TypeKind::kDecimal) return decimal(type.scale, type.length);
  return {R"("type":"struct","fields":[{"type":"int32","optional":false,"field":"scale"},)"
          R"({"type":"bytes","optional":false,"field":"value"}])",
          named("io.debezium.data.VariableScaleDecimal", R"(,"doc":"Variable scaled decimal")")};
}

Shape time(const Type& type, const Style& style) {
  if (style.time == TimeMode::kIsoString) return named_as("string", "io.debezium.time.IsoTime");
  if (style.time == TimeMode::kConnect) {
    return named_as("int32", "org.apache.kafka.connect.data.Time");
  }
  if (style.time == TimeMode::kNanoseconds) return named_as("int64", "io.debezium.time.NanoTime");
  if (style.time == TimeMode::kAdaptive && fraction_digits(type) <= 3) {
    return named_as("int32", "io.debezium.time.Time");
  }
  return named_as("int64", "io.debezium.time.MicroTime");
}

Shape timestamp(const Type& type, const Style& style) {
  if (style.time == TimeMode::kIsoString) {
    return named_as("string", "io.debezium.time.IsoTimestamp");
  }
  if (style.time == TimeMode::kConnect) {
    return named_as("int64", "org.apache.kafka.connect.data.Timestamp");
  }
  if (style.time == TimeMode::kNanoseconds) {
    return named_as("int64", "io.debezium.time.NanoTimestamp");
  }
  if (style.time != TimeMode::kMicroseconds && fraction_digits(type) <= 3) {
    return named_as("int64", "io.debezium.time.Timestamp");
  }
  return named_as("int64", "io.debezium.time.MicroTimestamp");
}

Shape date(const Style& style) {
  if (style.time == TimeMode::kIsoString) return named_as("string", "io.debezium.time.IsoDate");
  if (style.time == TimeMode::kConnect) {
    return named_as("int32", "org.apache.kafka.connect.data.Date");
  }
  return named_as("int32", "io.debezium.time.Date");
}

Shape bits(const Type& type) {
  if (type.length == 1) return plain("boolean");
  const int32_t length = type.length < 0 ? INT32_MAX : type.length;
  return {plain("bytes").head, named("io.debezium.data.Bits", R"(,"parameters":{"length":")" +
                                                                  std::to_string(length) + "\"}")};
}

Shape enumeration(const Type& type) {
  std::string allowed;
  for (const std::string& label : type.labels) {
    if (!allowed.empty()) allowed += ',';
    allowed += label;
  }
  std::string parameters = R"(,"parameters":{"allowed":)";
  append_json_string(parameters, allowed);
  return {plain("string").head, named("io.debezium.data.Enum", parameters + '}')};
}

Shape map() {
  return {R"("type":"map","keys":{"type":"string","optional":false},)"
          R"("values":{"type":"string","optional":true})",
          {}};
}

Shape geometry() {
  return {R"("type":"struct","fields":[{"type":"bytes","optional":false,"field":"wkb"},)"
          R"({"type":"int32","optional":true,"field":"srid"},{"type":"map",)"
          R"("keys":{"type":"string","optional":false},)"
          R"("values":{"type":"string","optional":false},"optional":true,"field":"extensions"}])",
          R"(,"name":"io.debezium.data.geometry.Geometry","version":2,"doc":"Geometry")"};
}

Shape circle() {
  std::string head = R"("type":"struct","fields":[{)";
  head += kPointFields;
  head += R"(,"optional":false)";
  head += kPointTail;
  head += R"(,"field":"center"},{"type":"double","optional":false,"field":"radius"}])";
  return {head, named("io.debezium.data.geometry.Circle", R"j(,"doc":"Geometry (CIRCLE)")j")};
}

Shape line() {
  return {R"("type":"struct","fields":[{"type":"double","optional":false,"field":"a"},)"
          R"({"type":"double","optional":false,"field":"b"},)"
          R"({"type":"double","optional":false,"field":"c"}])",
          named("io.debezium.data.geometry.Line", R"j(,"doc":"Geometry (LINE)")j")};
}

Shape vector(std::string_view element, std::string_view name) {
  std::string head = R"("type":"array","items":{"type":")";
  head += element;
  head += R"(","optional":false})";
  return {head, named(name)};
}

Shape sparse_vector() {
  return {R"("type":"struct","fields":[{"type":"int16","optional":false,"field":"dimensions"},)"
          R"({"type":"map","keys":{"type":"int16","optional":false},)"
          R"("values":{"type":"double","optional":false},"optional":false,"field":"vector"}])",
          named("io.debezium.data.SparseDoubleVector")};
}

Shape binary(const Style& style) {
  return plain(style.binary == BinaryMode::kBytes ? "bytes" : "string");
}

Shape shape_of(const Type& type, const Style& style) {
  switch (type.kind) {
    case TypeKind::kBool: return plain("boolean");
    case TypeKind::kInt16: return plain("int16");
    case TypeKind::kInt32: return plain("int32");
    case TypeKind::kInt64: return plain("int64");
    case TypeKind::kFloat32: return plain("float");
    case TypeKind::kFloat64: return plain("double");
    case TypeKind::kDecimal:
    case TypeKind::kVariableDecimal:
    case TypeKind::kMoney: return numeric(type, style);
    case TypeKind::kText:
    case TypeKind::kChar: return plain("string");
    case TypeKind::kUnknown:
    case TypeKind::kBytes: return binary(style);
    case TypeKind::kBits: return bits(type);
    case TypeKind::kDate: return date(style);
    case TypeKind::kTime: return time(type, style);
    case TypeKind::kTimeTz: return named_as("string", "io.debezium.time.ZonedTime");
    case TypeKind::kTimestamp: return timestamp(type, style);
    case TypeKind::kTimestampTz: return named_as("string", "io.debezium.time.ZonedTimestamp");
    case TypeKind::kInterval:
      return style.interval_text ? named_as("string", "io.debezium.time.Interval")
                                 : named_as("int64", "io.debezium.time.MicroDuration");
    case TypeKind::kUuid: return named_as("string", "io.debezium.data.Uuid");
    case TypeKind::kJson: return named_as("string", "io.debezium.data.Json");
    case TypeKind::kXml: return named_as("string", "io.debezium.data.Xml");
    case TypeKind::kEnum: return enumeration(type);
    case TypeKind::kTsVector: return named_as("string", "io.debezium.data.Tsvector");
    case TypeKind::kLtree: return named_as("string", "io.debezium.data.Ltree");
    case TypeKind::kMap:
      return style.hstore_map ? map() : named_as("string", "io.debezium.data.Json");
    case TypeKind::kPoint: return {std::string(kPointFields), std::string(kPointTail)};
    case TypeKind::kBox:
    case TypeKind::kSegment:
    case TypeKind::kPath:
    case TypeKind::kPolygon:
    case TypeKind::kGeometry: return geometry();
    case TypeKind::kCircle: return circle();
    case TypeKind::kLine: return line();
    case TypeKind::kGeography: {
      Shape shape = geometry();
      shape.tail = R"(,"name":"io.debezium.data.geometry.Geography","version":1,"doc":"Geography")";
      return shape;
    }
    case TypeKind::kVector: return vector("double", "io.debezium.data.DoubleVector");
    case TypeKind::kHalfVector: return vector("float", "io.debezium.data.FloatVector");
    case TypeKind::kSparseVector: return sparse_vector();
  }
  return plain("string");
}

// {…} without its closing brace.
void open_schema(std::string& out, const Shape& shape, bool optional) {
  out += '{';
  out += shape.head;
  out += optional ? R"(,"optional":true)" : R"(,"optional":false)";
  out += shape.tail;
}

void append_row_schema(std::string& out,
                       const Relation& relation,
                       std::span<const uint32_t> columns,
                       std::string_view name,
                       bool optional,
                       const Style& style) {
  out += R"({"type":"struct","fields":[)";
  for (const uint32_t& column : columns) {
    if (&column != columns.data()) out += ',';
    append_column_schema(out, relation.columns[column], style);
  }
  out += optional ? R"(],"optional":true,"name":)" : R"(],"optional":false,"name":)";
  append_json_string(out, name);
}

}  // namespace

void append_column_schema(std::string& out, const Column& column, const Style& style) {
  const Shape shape = shape_of(column.type, style);
  if (column.type.array) {
    // Debezium's arrays of an enumeration take no nulls.
    out += R"({"type":"array","items":)";
    open_schema(out, shape, column.type.kind != TypeKind::kEnum);
    out += '}';
    out += column.optional ? R"(,"optional":true)" : R"(,"optional":false)";
  } else {
    open_schema(out, shape, column.optional);
  }
  if (column.default_text) {
    std::string value;
    if (append_value(value, column.type, *column.default_text, style)) {
      out += R"(,"default":)" + value;
    }
  }
  out += R"(,"field":)";
  append_json_string(out, column.name);
  out += '}';
}

std::string key_schema(const Relation& relation,
                       std::span<const uint32_t> columns,
                       std::string_view name,
                       const Style& style) {
  std::string out;
  append_row_schema(out, relation, columns, name, false, style);
  return out + '}';
}

std::string envelope_schema(const Relation& relation,
                            std::span<const uint32_t> columns,
                            std::string_view prefix,
                            const Style& style) {
  std::string out = R"({"type":"struct","fields":[)";
  const std::string row = std::string(prefix) + ".Value";
  append_row_schema(out, relation, columns, row, true, style);
  out += R"(,"field":"before"},)";
  append_row_schema(out, relation, columns, row, true, style);
  out += R"(,"field":"after"},)";
  out += kSource;
  out += ',';
  out += kTransaction;
  out += R"(,{"type":"string","optional":false,"field":"op"},)"
         R"({"type":"int64","optional":true,"field":"ts_ms"},)"
         R"({"type":"int64","optional":true,"field":"ts_us"},)"
         R"({"type":"int64","optional":true,"field":"ts_ns"}],"optional":false,"name":)";
  append_json_string(out, std::string(prefix) + ".Envelope");
  return out + R"(,"version":2})";
}

std::string_view message_key_schema() {
  return R"({"type":"struct","fields":[{"type":"string","optional":true,"field":"prefix"}],)"
         R"("optional":false,"name":"io.debezium.connector.postgresql.MessageKey","version":1})";
}

std::string message_value_schema(const Style& style) {
  std::string out = R"({"type":"struct","fields":[{"type":"string","optional":false,"field":"op"},)"
                    R"({"type":"int64","optional":true,"field":"ts_ms"},)";
  out += kSource;
  out += ',';
  out += kTransaction;
  out += R"(,{"type":"struct","fields":[{"type":"string","optional":true,"field":"prefix"},)"
         R"({"type":)";
  out += style.binary == BinaryMode::kBytes ? R"("bytes")" : R"("string")";
  out += R"(,"optional":true,"field":"content"}],"optional":false,)"
         R"("name":"io.debezium.connector.postgresql.Message","version":1,"field":"message"}],)"
         R"("optional":false,"name":"io.debezium.connector.postgresql.MessageValue","version":1})";
  return out;
}

std::string_view heartbeat_key_schema() {
  return R"({"type":"struct","fields":[{"type":"string","optional":false,"field":"serverName"}],)"
         R"("optional":false,"name":"io.debezium.connector.common.ServerNameKey","version":1})";
}

std::string_view heartbeat_value_schema() {
  return R"({"type":"struct","fields":[{"type":"int64","optional":false,"field":"ts_ms"}],)"
         R"("optional":false,"name":"io.debezium.connector.common.Heartbeat","version":1})";
}

std::string_view transaction_key_schema() {
  return R"({"type":"struct","fields":[{"type":"string","optional":false,"field":"id"}],)"
         R"("optional":false,"name":"io.debezium.connector.common.TransactionMetadataKey",)"
         R"("version":1})";
}

std::string_view transaction_value_schema() {
  return R"({"type":"struct","fields":[{"type":"string","optional":false,"field":"status"},)"
         R"({"type":"string","optional":false,"field":"id"},)"
         R"({"type":"int64","optional":true,"field":"event_count"},)"
         R"({"type":"array","items":{"type":"struct","fields":[)"
         R"({"type":"string","optional":false,"field":"data_collection"},)"
         R"({"type":"int64","optional":false,"field":"event_count"}],"optional":true,)"
         R"("name":"event.collection","version":1},"optional":true,"field":"data_collections"},)"
         R"({"type":"int64","optional":false,"field":"ts_ms"}],"optional":false,)"
         R"("name":"io.debezium.connector.common.TransactionMetadataValue","version":1})";
}

}  // namespace weir::cdc
