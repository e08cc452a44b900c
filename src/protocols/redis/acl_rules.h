#pragma once
// What a user may do through Redis: rules about commands, keys and channels, in one or more
// selectors of which one has to allow a command as a whole.
// https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/
//
// The text form is that of ACL LIST, "~cache:* resetchannels &news -@all +@read (~log:* +xadd)";
// it is stored as a property of the catalog's user. Plain values; any thread.

#include <bitset>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "protocols/redis/command.h"

namespace weir::redis {

// The later, the further a selector came before it refused.
enum class Denied : uint8_t { kNot, kCommand, kKey, kChannel };

struct Denial {
  Denied what = Denied::kNot;
  size_t argument = 0;  // which one
};

// What somebody wants to do.
struct Asked {
  const Command& command;
  const Subcommand* subcommand;  // of a container
  std::span<const ByteView> arguments;

  std::string_view name() const { return full_name(command, subcommand); }
};

class AclSelector {
 public:
  static constexpr size_t kPatternsMax = 1024;
  static constexpr size_t kCommandNumbersMax = 1024;

  // One rule: "~cache:*", "+@read", "-get". Why it is none, in the words of Redis; empty: applied.
  std::string_view apply(ByteView rule);

  Denial judge(const Asked& asked) const;
  bool reads_every_key() const;
  // A pattern that is listened to must have been allowed as it stands.
  bool may_hear(ByteView channel, bool is_pattern) const;
  bool everything() const { return all_keys_ && all_channels_ && commands_.all(); }

  std::string keys_text() const;      // "~a %R~b"
  std::string channels_text() const;  // "&a &b"
  std::string commands_text() const;  // "-@all +get"
  std::string text() const;

 private:
  struct KeyPattern {
    std::string text;
    bool reads = false;
    bool writes = false;
  };

  std::string_view apply_key(ByteView rule);
  std::string_view apply_channel(ByteView rule);
  std::string_view apply_command(ByteView name, bool allow);
  std::string_view apply_category(ByteView name, bool allow);
  void set_all_commands(bool allow);
  void set(const Command& command, const Subcommand* subcommand, bool allow);
  void note_rule(std::string name, bool allow);
  bool allows_first_argument(const Asked& asked) const;
  bool may_use(ByteView key, std::string_view use) const;

  bool all_keys_ = false;
  bool all_channels_ = false;
  bool later_commands_ = false;  // began with +@all
  std::vector<KeyPattern> keys_;
  std::vector<std::string> channels_;
  std::bitset<kCommandNumbersMax> commands_;                     // by command_number()
  std::vector<std::pair<size_t, std::string>> first_arguments_;  // "+select|0"
  std::vector<std::string> rules_;  // of commands, behind the first: what is shown
};

class AclRules {
 public:
  static constexpr size_t kSelectorsMax = 64;

  AclRules() : selectors_(1) {}
  static AclRules all();
  // What cannot be understood is left out: it is about commands that are not there.
  static AclRules of(std::string_view text);

  // As AclSelector::apply; "(...)" adds a selector, "clearselectors" removes those.
  std::string_view apply(ByteView rule);
  void reset() { *this = AclRules(); }

  Denial judge(const Asked& asked) const;
  // Whether it may also be done with keys that the arguments do not name.
  bool reads_every_key(const Asked& asked) const;
  bool may_hear(ByteView channel, bool is_pattern) const;
  bool everything() const { return everything_; }

  const AclSelector& root() const { return selectors_.front(); }
  std::span<const AclSelector> further() const { return std::span(selectors_).subspan(1); }
  std::string text() const;

 private:
  std::vector<AclSelector> selectors_;
  bool everything_ = false;
};

// Splits a line of rules at its spaces, but not inside of brackets.
std::vector<std::string> split_rules(std::string_view text);
// All that Redis knows, also those without commands here.
std::span<const std::string_view> all_categories();

}  // namespace weir::redis
