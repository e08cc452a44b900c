#include "protocols/redis/acl_rules.h"

#include <algorithm>
#include <cctype>

#include "base/assert.h"
#include "protocols/redis/glob.h"
#include "protocols/redis/key_use.h"

namespace weir::redis {
namespace {

constexpr std::string_view kSyntaxError = "Syntax error";
constexpr std::string_view kUnknownCommand = "Unknown command or category name in ACL";
constexpr std::string_view kBehindAllKeys =
    "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have "
    "any effect. Try 'resetkeys' to start with an empty list of patterns";
constexpr std::string_view kBehindAllChannels =
    "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not "
    "have any effect. Try 'resetchannels' to start with an empty list of channels";
constexpr std::string_view kFirstArgumentOfSubcommand =
    "Allowing first-arg of a subcommand is not supported";
constexpr std::string_view kTooMany = "too many patterns or selectors";

constexpr std::string_view kCategories[] = {
    "admin", "bitmap",      "blocking",  "connection", "dangerous", "fast",        "geo",
    "hash",  "hyperloglog", "keyspace",  "list",       "pubsub",    "read",        "scripting",
    "set",   "slow",        "sortedset", "stream",     "string",    "transaction", "write"};

std::string lower(ByteView text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

// Rules are shown and stored with spaces between them.
bool has_space(ByteView text) {
  return std::ranges::any_of(text, [](unsigned char c) { return c == 0 || std::isspace(c) != 0; });
}

void append_word(std::string& text, std::string_view word) {
  if (!text.empty() && !word.empty()) text += ' ';
  text += word;
}

enum class Listening : uint8_t { kNo, kNames, kPatterns };

// Which of the arguments are channels: from the first on, or the first alone.
struct ChannelUse {
  Listening listening = Listening::kNo;
  bool first_only = false;
};

ChannelUse channel_use(const Command& command) {
  if ((command.flags & flag::kPubsub) == 0) return {};
  if (command.name == "publish" || command.name == "spublish") return {Listening::kNames, true};
  if (command.name == "subscribe" || command.name == "ssubscribe")
    return {Listening::kNames, false};
  if (command.name == "psubscribe") return {Listening::kPatterns, false};
  return {};
}

}  // namespace

std::span<const std::string_view> all_categories() {
  return kCategories;
}

// ---- one selector

std::string_view AclSelector::apply(ByteView rule) {
  const std::string word = lower(rule);
  if (word == "allkeys" || word == "~*" || word == "resetkeys") {
    all_keys_ = word != "resetkeys";
    keys_.clear();
  } else if (word == "allchannels" || word == "&*" || word == "resetchannels") {
    all_channels_ = word != "resetchannels";
    channels_.clear();
  } else if (word == "allcommands" || word == "+@all" || word == "nocommands" || word == "-@all") {
    set_all_commands(word == "allcommands" || word == "+@all");
  } else if (rule.starts_with('~') || rule.starts_with('%')) {
    return apply_key(rule);
  } else if (rule.starts_with('&')) {
    return apply_channel(rule);
  } else if (word.starts_with("+@") || word.starts_with("-@")) {
    return apply_category(ByteView(word).substr(2), word.starts_with('+'));
  } else if (word.starts_with('+') || word.starts_with('-')) {
    return apply_command(ByteView(word).substr(1), word.starts_with('+'));
  } else {
    return kSyntaxError;
  }
  return {};
}

// "~pattern", or "%R~", "%W~", "%RW~" before it.
std::string_view AclSelector::apply_key(ByteView rule) {
  if (all_keys_) return kBehindAllKeys;
  KeyPattern pattern{.text = {}, .reads = rule.front() == '~', .writes = rule.front() == '~'};
  size_t at = 1;
  if (rule.front() == '%') {
    for (; at < rule.size() && rule[at] != '~'; ++at) {
      const int letter = std::toupper(static_cast<unsigned char>(rule[at]));
      bool& right = letter == 'R' ? pattern.reads : pattern.writes;
      if ((letter != 'R' && letter != 'W') || right) return kSyntaxError;
      right = true;
    }
    if (at++ >= rule.size() || (!pattern.reads && !pattern.writes)) return kSyntaxError;
  }
  pattern.text = rule.substr(at);
  if (has_space(pattern.text)) return kSyntaxError;
  const auto known = std::ranges::find(keys_, pattern.text, &KeyPattern::text);
  if (known != keys_.end()) {
    known->reads = known->reads || pattern.reads;
    known->writes = known->writes || pattern.writes;
    return {};
  }
  if (keys_.size() >= kPatternsMax) return kTooMany;
  keys_.push_back(std::move(pattern));
  return {};
}

std::string_view AclSelector::apply_channel(ByteView rule) {
  if (all_channels_) return kBehindAllChannels;
  const ByteView pattern = rule.substr(1);
  if (has_space(pattern)) return kSyntaxError;
  if (std::ranges::find(channels_, pattern) != channels_.end()) return {};
  if (channels_.size() >= kPatternsMax) return kTooMany;
  channels_.emplace_back(pattern);
  return {};
}

std::string_view AclSelector::apply_category(ByteView name, bool allow) {
  if (std::ranges::find(kCategories, name) == std::end(kCategories)) return kUnknownCommand;
  const auto applies = [&](const Command& command, const Subcommand* subcommand) {
    const auto categories = categories_of(command, subcommand);
    return std::ranges::find(categories, name) != categories.end();
  };
  for (const Command* command : all_commands()) {
    if (applies(*command, nullptr)) set(*command, nullptr, allow);
    for (const Subcommand& subcommand : command->subcommands) {
      if (applies(*command, &subcommand)) set(*command, &subcommand, allow);
    }
  }
  note_rule("@" + std::string(name), allow);
  return {};
}

std::string_view AclSelector::apply_command(ByteView name, bool allow) {
  const auto [command, subcommand] = find_full_name(name);
  const size_t bar = name.rfind('|');
  const std::string_view container = name.substr(0, std::min(bar, name.size()));
  if (command != nullptr) {
    set(*command, subcommand, allow);
  } else if (why_absent(container).empty()) {
    // A first argument may be allowed, "+select|0", but not forbidden.
    const auto [known, parent] = find_full_name(container);
    if (bar == ByteView::npos || !allow || known == nullptr) return kUnknownCommand;
    if (parent != nullptr) return kFirstArgumentOfSubcommand;
    if (bar + 1 == name.size()) return kSyntaxError;
    if (!known->subcommands.empty()) return kUnknownCommand;
    if (first_arguments_.size() >= kPatternsMax || has_space(name)) return kTooMany;
    std::pair first(command_number(*known, nullptr), std::string(name.substr(bar + 1)));
    if (std::ranges::find(first_arguments_, first) == first_arguments_.end())
      first_arguments_.push_back(std::move(first));
  }
  // Of what this server leaves out the rule is only kept.
  note_rule(std::string(name), allow);
  return {};
}

void AclSelector::set_all_commands(bool allow) {
  later_commands_ = allow;
  if (allow) {
    commands_.set();
  } else {
    commands_.reset();
  }
  first_arguments_.clear();
  rules_.clear();
}

void AclSelector::set(const Command& command, const Subcommand* subcommand, bool allow) {
  const size_t number = command_number(command, subcommand);
  WEIR_ASSERT(number < kCommandNumbersMax);
  commands_.set(number, allow);
  std::erase_if(first_arguments_, [&](const auto& first) { return first.first == number; });
  if (subcommand != nullptr) return;
  for (const Subcommand& each : command.subcommands)
    commands_.set(command_number(command, &each), allow);
}

// A newer rule about a command, or about its container, takes the place of older ones.
void AclSelector::note_rule(std::string name, bool allow) {
  std::erase_if(rules_, [&](const std::string& rule) {
    const std::string_view about = std::string_view(rule).substr(1);
    return about.starts_with(name) && (about.size() == name.size() || about[name.size()] == '|');
  });
  rules_.push_back((allow ? '+' : '-') + std::move(name));
}

bool AclSelector::allows_first_argument(const Asked& asked) const {
  if (first_arguments_.empty() || asked.arguments.size() < 2) return false;
  const std::pair first(command_number(asked.command, nullptr), lower(asked.arguments[1]));
  return std::ranges::find(first_arguments_, first) != first_arguments_.end();
}

bool AclSelector::may_use(ByteView key, std::string_view use) const {
  const auto has = [&](std::string_view word) { return use.find(word) != std::string_view::npos; };
  const bool reads = has("access");
  const bool writes = has("insert") || has("update") || has("delete");
  return std::ranges::any_of(keys_, [&](const KeyPattern& pattern) {
    return (!reads || pattern.reads) && (!writes || pattern.writes) &&
           glob_matches(pattern.text, key);
  });
}

bool AclSelector::may_hear(ByteView channel, bool is_pattern) const {
  return all_channels_ || std::ranges::any_of(channels_, [&](const std::string& allowed) {
           return is_pattern ? allowed == channel : glob_matches(allowed, channel);
         });
}

bool AclSelector::reads_every_key() const {
  return all_keys_ || std::ranges::any_of(keys_, [](const KeyPattern& pattern) {
           return pattern.reads && pattern.text == "*";
         });
}

Denial AclSelector::judge(const Asked& asked) const {
  const Command& command = asked.command;
  if (!commands_.test(command_number(command, asked.subcommand)) &&
      (command.flags & flag::kNoAuth) == 0 && !allows_first_argument(asked)) {
    return {Denied::kCommand, 0};
  }
  if (!all_keys_) {
    const auto keys = key_indexes(command, asked.arguments);
    for (size_t nth = 0; nth < keys.size(); ++nth) {
      if (!may_use(asked.arguments[keys[nth]], key_use(command, asked.arguments, nth)))
        return {Denied::kKey, keys[nth]};
    }
  }
  const ChannelUse use = all_channels_ ? ChannelUse{} : channel_use(command);
  if (use.listening != Listening::kNo) {
    const size_t end = use.first_only ? 2 : asked.arguments.size();
    for (size_t i = 1; i < end; ++i) {
      if (!may_hear(asked.arguments[i], use.listening == Listening::kPatterns))
        return {Denied::kChannel, i};
    }
  }
  return {};
}

std::string AclSelector::keys_text() const {
  if (all_keys_) return "~*";
  std::string text;
  for (const KeyPattern& pattern : keys_) {
    const std::string_view prefix = pattern.reads && pattern.writes ? "~"
                                    : pattern.reads                 ? "%R~"
                                                                    : "%W~";
    append_word(text, std::string(prefix) + pattern.text);
  }
  return text;
}

std::string AclSelector::channels_text() const {
  if (all_channels_) return "&*";
  std::string text;
  for (const std::string& pattern : channels_) append_word(text, "&" + pattern);
  return text;
}

std::string AclSelector::commands_text() const {
  std::string text = later_commands_ ? "+@all" : "-@all";
  for (const std::string& rule : rules_) append_word(text, rule);
  return text;
}

std::string AclSelector::text() const {
  std::string text = keys_text();
  if (!all_channels_) append_word(text, "resetchannels");
  append_word(text, channels_text());
  append_word(text, commands_text());
  return text;
}

// ---- all of a user

AclRules AclRules::all() {
  return of("~* &* +@all");
}

AclRules AclRules::of(std::string_view text) {
  AclRules rules;
  for (const std::string& rule : split_rules(text)) (void)rules.apply(rule);
  return rules;
}

std::string_view AclRules::apply(ByteView rule) {
  std::string_view refused;
  if (lower(rule) == "clearselectors") {
    selectors_.resize(1);
  } else if (rule.starts_with('(')) {
    if (!rule.ends_with(')')) return kSyntaxError;
    if (selectors_.size() > kSelectorsMax) return kTooMany;
    AclSelector selector;
    for (const std::string& inner : split_rules(rule.substr(1, rule.size() - 2))) {
      refused = selector.apply(inner);
      if (!refused.empty()) return refused;
    }
    selectors_.push_back(std::move(selector));
  } else {
    refused = selectors_.front().apply(rule);
  }
  everything_ = std::ranges::any_of(selectors_, &AclSelector::everything);
  return refused;
}

Denial AclRules::judge(const Asked& asked) const {
  if (everything_) return {};
  Denial farthest{Denied::kCommand, 0};
  for (const AclSelector& selector : selectors_) {
    const Denial denial = selector.judge(asked);
    if (denial.what == Denied::kNot) return denial;
    if (denial.what > farthest.what ||
        (denial.what == farthest.what && denial.argument > farthest.argument)) {
      farthest = denial;
    }
  }
  return farthest;
}

bool AclRules::reads_every_key(const Asked& asked) const {
  return everything_ || std::ranges::any_of(selectors_, [&](const AclSelector& selector) {
           return selector.reads_every_key() && selector.judge(asked).what == Denied::kNot;
         });
}

bool AclRules::may_hear(ByteView channel, bool is_pattern) const {
  return everything_ || std::ranges::any_of(selectors_, [&](const AclSelector& selector) {
           return selector.may_hear(channel, is_pattern);
         });
}

std::string AclRules::text() const {
  std::string text = root().text();
  for (const AclSelector& selector : further()) text += " (" + selector.text() + ")";
  return text;
}

std::vector<std::string> split_rules(std::string_view text) {
  std::vector<std::string> rules;
  bool in_brackets = false;
  bool in_word = false;
  for (const char c : text) {
    if (c == ' ' && (!in_brackets || rules.back().ends_with(')'))) {
      in_word = in_brackets = false;
      continue;
    }
    if (!in_word) {
      rules.emplace_back();
      in_brackets = c == '(';
    }
    in_word = true;
    rules.back() += c;
  }
  return rules;
}

}  // namespace weir::redis
