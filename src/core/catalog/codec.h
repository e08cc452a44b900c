#pragma once
// How the catalog's values are written, in events and in images alike. A decoder that meets
// something it does not know fails the reader.

#include "base/wire.h"
#include "core/catalog/model.h"

namespace weir::catalog {

void encode(Writer& writer, const Name& name);
void encode(Writer& writer, const Thing& thing);
void encode(Writer& writer, const Bridge& bridge);
void encode(Writer& writer, const Connector& connector);
void encode(Writer& writer, const Keyspace& keyspace);

Name decode_name(Reader& reader);
Thing decode_thing(Reader& reader);
Bridge decode_bridge(Reader& reader);
Connector decode_connector(Reader& reader);
Keyspace decode_keyspace(Reader& reader);

}  // namespace weir::catalog
