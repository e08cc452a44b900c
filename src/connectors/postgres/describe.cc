#include "connectors/postgres/describe.h"

#include <fmt/format.h>

#include "connectors/pgoutput/catalog_query.h"

namespace weir::postgres {

Result<pgoutput::RelationFacts> CatalogDescriber::describe(const pgoutput::Relation& announced) {
  auto facts = describe(announced.id);
  if (facts) return facts;
  if (facts.error().code != ErrorCode::kNotFound) return facts;
  pgoutput::RelationFacts gone;  // dropped since: what was announced is all that is known
  gone.id = announced.id;
  gone.schema = announced.schema;
  gone.table = announced.table;
  gone.identity = announced.identity;
  return gone;
}

Result<pgoutput::RelationFacts> CatalogDescriber::describe(uint32_t id) {
  const auto answer = connection_.query(pgoutput::facts_query(id));
  if (!answer) return std::unexpected(answer.error());
  const bool told = answer->size() == 1 && !answer->front().empty();
  auto facts = pgoutput::read_facts(told ? answer->front().front().value_or("") : "");
  if (!facts) return std::unexpected(facts.error());
  if (facts->empty()) return fail(ErrorCode::kNotFound, "the table is gone");
  return std::move(facts->front());
}

}  // namespace weir::postgres
