// Users, access rules, quotas and delegation tokens: entries of the catalog, each a commit.

#include <fmt/format.h>

#include "broker/broker.h"

namespace weir::broker {

Result<Depends> Broker::change_catalog(const Result<std::string>& event) {
  if (!event) return std::unexpected(event.error());
  apply_catalog(*event);
  return catalog_depends();
}

Result<Depends> Broker::put_user(const catalog::User& user, Timestamp now) {
  const Turn turn(*this, now);
  if (!turn.ok()) return std::unexpected(turn.status().error());
  return change_catalog(catalog_.access().decide_put_user(user));
}

Result<Depends> Broker::remove_user(std::string_view name, Timestamp now) {
  const Turn turn(*this, now, Admission::kRelease);
  if (!turn.ok()) return std::unexpected(turn.status().error());
  const auto removed = change_catalog(catalog_.access().decide_remove_user(name));
  if (!removed) return removed;
  // Who cannot log in any more cannot with a token either.
  for (const std::string& id : catalog_.tokens().of_owner(fmt::format("User:{}", name))) {
    apply_catalog(catalog_.tokens().decide_remove(id).value());
  }
  return catalog_depends();
}

Result<Depends> Broker::add_rules(std::span<const catalog::AccessRule> rules, Timestamp now) {
  const Turn turn(*this, now);
  if (!turn.ok()) return std::unexpected(turn.status().error());
  return change_catalog(catalog_.access().decide_add_rules(rules));
}

Result<Depends> Broker::remove_rules(std::span<const catalog::AccessRule> rules, Timestamp now) {
  const Turn turn(*this, now, Admission::kRelease);
  if (!turn.ok()) return std::unexpected(turn.status().error());
  return change_catalog(catalog_.access().remove_rules(rules));
}

Result<Depends> Broker::put_quota(const catalog::Quota& quota, Timestamp now) {
  const Turn turn(*this, now);
  if (!turn.ok()) return std::unexpected(turn.status().error());
  return change_catalog(catalog_.access().decide_put_quota(quota));
}

Result<Depends> Broker::make_token_key(ByteView key, Timestamp now) {
  const Turn turn(*this, now);
  if (!turn.ok()) return std::unexpected(turn.status().error());
  return change_catalog(catalog_.tokens().decide_make_key(key));
}

Result<Depends> Broker::put_token(const catalog::Token& token, Timestamp now) {
  const Turn turn(*this, now);
  if (!turn.ok()) return std::unexpected(turn.status().error());
  return change_catalog(catalog_.tokens().decide_put(token));
}

Result<Depends> Broker::remove_token(std::string_view id, Timestamp now) {
  const Turn turn(*this, now, Admission::kRelease);
  if (!turn.ok()) return std::unexpected(turn.status().error());
  return change_catalog(catalog_.tokens().decide_remove(id));
}

}  // namespace weir::broker
