#pragma once
// What the database's catalog says about a table, for the stream and for the snapshot.

#include <string>

#include "connectors/pgoutput/types.h"
#include "connectors/postgres/connection.h"

namespace weir::postgres {

class CatalogDescriber final : public pgoutput::Describer {
 public:
  explicit CatalogDescriber(Connection& connection) : connection_(connection) {}

  Result<pgoutput::RelationFacts> describe(const pgoutput::Relation& announced) override;
  Result<pgoutput::RelationFacts> describe(uint32_t id);

 private:
  Connection& connection_;
};

}  // namespace weir::postgres
