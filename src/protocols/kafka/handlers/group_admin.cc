#include "protocols/kafka/handlers/group_admin.h"

#include <algorithm>
#include <cctype>

#include "protocols/kafka/authorizer.h"
#include "protocols/kafka/engine.h"
#include "protocols/kafka/group_text.h"
#include "protocols/kafka/operations.h"
#include "protocols/kafka/subscription.h"

namespace weir::kafka {
namespace {

constexpr int16_t kUnknownIsAnErrorSince = 6;

std::string_view type_of(const broker::GroupCell& cell) {
  switch (cell.kind) {
    case broker::GroupKind::kClassic: return "classic";
    case broker::GroupKind::kConsumer: return "consumer";
    case broker::GroupKind::kStreams: return "streams";
  }
  return "";
}

std::string_view state_of(const broker::GroupCell& cell) {
  switch (cell.kind) {
    case broker::GroupKind::kClassic: return group::to_string(cell.members.state());
    case broker::GroupKind::kConsumer: return group::to_string(cell.consumers.state());
    case broker::GroupKind::kStreams: return group::to_string(cell.streams.state());
  }
  return "";
}

Bytes protocol_type_of(const broker::GroupCell& cell) {
  switch (cell.kind) {
    case broker::GroupKind::kClassic: return Bytes::copy_of(cell.members.protocol_type());
    case broker::GroupKind::kConsumer: return wire::literal(kConsumerProtocolType);
    case broker::GroupKind::kStreams: return wire::literal("streams");
  }
  return {};
}

// A group that was only given settings is none yet.
const broker::GroupCell* find_used(Engine& engine, const std::string& name) {
  const broker::GroupCell* cell = engine.groups.find(name);
  return cell && (cell->is_in_use() || cell->settings.empty()) ? cell : nullptr;
}

bool same_word(std::string_view a, std::string_view b) {
  return std::ranges::equal(
      a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

// No filter lets everything through.
bool passes(const std::vector<Bytes>& filter, std::string_view word) {
  return filter.empty() ||
         std::ranges::any_of(filter, [&](const Bytes& one) { return same_word(one.view(), word); });
}

void describe(const group::Membership& members, DescribeGroupsResponse::Group& group) {
  group.group_state = wire::literal(group::to_string(members.state()));
  group.protocol_type = Bytes::copy_of(members.protocol_type());
  // Between generations there is no strategy, and what members brought or got says nothing.
  const bool stable = members.state() == group::State::kStable;
  if (stable) group.protocol_data = Bytes::copy_of(members.protocol());
  for (const auto& [id, member] : members.members()) {
    auto& one = group.members.emplace_back();
    one.member_id = Bytes::copy_of(id);
    one.group_instance_id = bytes_of(member.instance_id);
    one.client_id = Bytes::copy_of(member.client_id);
    one.client_host = Bytes::copy_of(member.client_host);
    if (!stable) continue;
    const group::Protocol* protocol = member.find(members.protocol());
    if (protocol) one.member_metadata = protocol->metadata;
    one.member_assignment = member.assignment;
  }
}

}  // namespace

void DescribeGroupsHandler::handle(Call call, Request request) {
  call.engine().call(
      [call = std::move(call), request = std::move(request)](Engine& engine) mutable {
        DescribeGroupsResponse response;
        const Authorizer authorizer(engine.broker, call);
        for (const Bytes& id : request.groups) {
          auto& group = response.groups.emplace_back();
          group.group_id = id;
          if (!authorizer.group(Operation::kDescribe, id.view())) {
            group.error_code = wire_code(KafkaError::kGroupAuthorizationFailed);
            continue;
          }
          if (request.include_authorized_operations) {
            group.authorized_operations =
                authorizer.operations(kGroupOperations, ResourceType::kGroup, id.view());
          }
          const broker::GroupCell* cell = find_used(engine, text_of(id));
          // One of the other protocol is described by a request of its own.
          if (cell && cell->kind == broker::GroupKind::kClassic) {
            describe(cell->members, group);
            continue;
          }
          group.group_state = wire::literal(group::to_string(group::State::kDead));
          if (call.version() >= kUnknownIsAnErrorSince) {
            group.error_code = wire_code(KafkaError::kGroupIdNotFound);
            group.error_message =
                wire::literal(cell ? "this is not a classic group" : "there is no such group");
          }
        }
        call.answer(response, engine.broker.catalog_depends());
      });
}

void ListGroupsHandler::handle(Call call, Request request) {
  call.engine().call(
      [call = std::move(call), request = std::move(request)](Engine& engine) mutable {
        ListGroupsResponse response;
        std::vector<std::string> names;
        const Authorizer authorizer(engine.broker, call);
        const bool all = authorizer.cluster(Operation::kDescribe);
        engine.broker.catalog().each_group([&](const broker::Name& name, CellId) {
          const bool shown = all || authorizer.group(Operation::kDescribe, name.name);
          if (name.space.empty() && shown) names.push_back(name.name);
          return true;
        });
        for (const std::string& name : names) {
          const broker::GroupCell* cell = find_used(engine, name);
          if (!cell || !passes(request.states_filter, state_of(*cell)) ||
              !passes(request.types_filter, type_of(*cell))) {
            continue;
          }
          auto& group = response.groups.emplace_back();
          group.group_id = Bytes::copy_of(name);
          group.protocol_type = protocol_type_of(*cell);
          group.group_state = wire::literal(state_of(*cell));
          group.group_type = wire::literal(type_of(*cell));
        }
        call.answer(response, engine.broker.catalog_depends());
      });
}

void DeleteGroupsHandler::handle(Call call, Request request) {
  call.engine().call(
      [call = std::move(call), request = std::move(request)](Engine& engine) mutable {
        DeleteGroupsResponse response;
        broker::Depends depends;
        const Authorizer authorizer(engine.broker, call);
        for (const Bytes& id : request.groups_names) {
          auto& group = response.results.emplace_back();
          group.group_id = id;
          if (!authorizer.group(Operation::kDelete, id.view())) {
            group.error_code = wire_code(KafkaError::kGroupAuthorizationFailed);
            continue;
          }
          const auto removed = engine.groups.remove(text_of(id));
          if (removed) {
            add(depends, *removed);
          } else {
            group.error_code = wire_code(group_error(removed.error().code));
          }
        }
        call.answer(response, depends);
      });
}

}  // namespace weir::kafka
