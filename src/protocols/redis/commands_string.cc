// Strings: https://redis.io/docs/latest/commands/?group=string

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>

#include "protocols/redis/call.h"
#include "protocols/redis/command.h"
#include "protocols/redis/limits.h"
#include "protocols/redis/numbers.h"
#include "protocols/redis/service.h"

namespace weir::redis {
namespace {

// The deadline of a key that is kept when its value is replaced in place.
Timestamp deadline_of(Call& call, ByteView key) {
  const auto* state = call.keys.find(call.database(), key);
  return state == nullptr ? Timestamp::never() : state->deadline;
}

// Puts a string in place of whatever the key was; false when that is not ours to replace.
bool replace(Call& call, ByteView key, ByteView value, Timestamp deadline) {
  if (const auto removed = call.service.remove_stream(call, key); !removed) {
    call.fail(removed.error());
    return false;
  }
  call.keys.set_string(call.database(), key, value, deadline);
  return true;
}

void get(Call& call) {
  const auto text = call.get<Text>(call.args[1]);
  if (!text) return call.fail(text.error());
  if (*text == nullptr) return call.reply.null();
  call.reply.bulk(**text);
}

struct SetOptions {
  bool only_absent = false;
  bool only_present = false;
  bool get = false;
  bool keep_deadline = false;
  std::optional<Timestamp> deadline;
};

// The deadline that an EX, PX, EXAT or PXAT option means.
std::optional<Timestamp> deadline_option(Call& call, size_t index) {
  const bool seconds = call.is(index, "ex") || call.is(index, "exat");
  const bool relative = call.is(index, "ex") || call.is(index, "px");
  const auto amount = call.integer(index + 1);
  if (!amount) return std::nullopt;
  const int64_t most = INT64_MAX / (seconds ? 1000 : 1) - (relative ? call.now().ms() : 0);
  if (*amount <= 0 || *amount > most) {
    call.fail(fmt::format("ERR invalid expire time in '{}' command", call.command->name));
    return std::nullopt;
  }
  const int64_t ms = *amount * (seconds ? 1000 : 1);
  return Timestamp(relative ? call.now().ms() + ms : ms);
}

bool is_deadline_option(Call& call, size_t index) {
  return call.is(index, "ex") || call.is(index, "px") || call.is(index, "exat") ||
         call.is(index, "pxat");
}

std::optional<SetOptions> set_options(Call& call) {
  SetOptions options;
  for (size_t i = 3; i < call.count(); ++i) {
    if (call.is(i, "nx") && !options.only_present) {
      options.only_absent = true;
    } else if (call.is(i, "xx") && !options.only_absent) {
      options.only_present = true;
    } else if (call.is(i, "get")) {
      options.get = true;
    } else if (call.is(i, "keepttl") && !options.deadline) {
      options.keep_deadline = true;
    } else if (is_deadline_option(call, i) && !options.keep_deadline && !options.deadline &&
               i + 1 < call.count()) {
      options.deadline = deadline_option(call, i);
      if (!options.deadline) return std::nullopt;
      ++i;
    } else {
      call.fail(errors::kSyntax);
      return std::nullopt;
    }
  }
  return options;
}

void set(Call& call) {
  const auto options = set_options(call);
  if (!options) return;
  const ByteView key = call.args[1];
  std::optional<std::string> before;
  if (options->get) {
    const auto text = call.get<Text>(key);
    if (!text) return call.fail(text.error());
    if (*text != nullptr) before.emplace(**text);
  }
  const bool present = call.exists(key);
  const bool refused = (options->only_absent && present) || (options->only_present && !present);
  if (!refused) {
    const Timestamp deadline = options->keep_deadline
                                   ? deadline_of(call, key)
                                   : options->deadline.value_or(Timestamp::never());
    if (!replace(call, key, call.args[2], deadline)) return;
    // A deadline in the past leaves no key.
    if (deadline <= call.now()) call.keys.erase(call.database(), key);
  }
  if (options->get) return before ? call.reply.bulk(*before) : call.reply.null();
  refused ? call.reply.null() : call.reply.ok();
}

void setnx(Call& call) {
  if (call.exists(call.args[1])) return call.reply.integer(0);
  if (replace(call, call.args[1], call.args[2], Timestamp::never())) call.reply.integer(1);
}

void set_with_seconds(Call& call, int64_t factor) {
  const auto amount = call.integer(2);
  if (!amount) return;
  if (*amount <= 0 || *amount > (INT64_MAX - call.now().ms()) / factor) {
    return call.fail(fmt::format("ERR invalid expire time in '{}' command", call.command->name));
  }
  if (replace(call, call.args[1], call.args[3], call.now() + Milliseconds(*amount * factor)))
    call.reply.ok();
}

void setex(Call& call) {
  set_with_seconds(call, 1000);
}
void psetex(Call& call) {
  set_with_seconds(call, 1);
}

void getset(Call& call) {
  const auto text = call.get<Text>(call.args[1]);
  if (!text) return call.fail(text.error());
  if (*text == nullptr) {
    call.reply.null();
  } else {
    call.reply.bulk(**text);
  }
  call.keys.set_string(call.database(), call.args[1], call.args[2], Timestamp::never());
}

void getdel(Call& call) {
  const auto text = call.get<Text>(call.args[1]);
  if (!text) return call.fail(text.error());
  if (*text == nullptr) return call.reply.null();
  call.reply.bulk(**text);
  call.keys.erase(call.database(), call.args[1]);
}

void getex(Call& call) {
  std::optional<Timestamp> deadline;
  if (call.count() == 3 && call.is(2, "persist")) {
    deadline = Timestamp::never();
  } else if (call.count() == 4 && is_deadline_option(call, 2)) {
    deadline = deadline_option(call, 2);
    if (!deadline) return;
  } else if (call.count() != 2) {
    return call.fail(errors::kSyntax);
  }
  const auto text = call.get<Text>(call.args[1]);
  if (!text) return call.fail(text.error());
  if (*text == nullptr) return call.reply.null();
  call.reply.bulk(**text);
  if (deadline) call.keys.expire_at(call.database(), call.args[1], *deadline);
}

void mget(Call& call) {
  call.reply.array(call.count() - 1);
  for (const ByteView key : call.args.subspan(1)) {
    const auto text = call.get<Text>(key);
    if (!text || *text == nullptr) {
      call.reply.null();
    } else {
      call.reply.bulk(**text);
    }
  }
}

void mset(Call& call) {
  if (call.count() % 2 == 0) return call.fail("ERR wrong number of arguments for 'mset' command");
  for (size_t i = 1; i < call.count(); i += 2) {
    if (!replace(call, call.args[i], call.args[i + 1], Timestamp::never())) return;
  }
  call.reply.ok();
}

void msetnx(Call& call) {
  if (call.count() % 2 == 0) return call.fail("ERR wrong number of arguments for 'msetnx' command");
  for (size_t i = 1; i < call.count(); i += 2) {
    if (call.exists(call.args[i])) return call.reply.integer(0);
  }
  for (size_t i = 1; i < call.count(); i += 2) {
    call.keys.set_string(call.database(), call.args[i], call.args[i + 1], Timestamp::never());
  }
  call.reply.integer(1);
}

void append(Call& call) {
  const auto text = call.get<Text>(call.args[1]);
  if (!text) return call.fail(text.error());
  if ((*text == nullptr ? 0 : (*text)->size()) + call.args[2].size() > kStringBytesMax) {
    return call.fail("ERR string exceeds maximum allowed size (proto-max-bulk-len)");
  }
  call.reply.integer(
      static_cast<int64_t>(*call.keys.append(call.database(), call.args[1], call.args[2])));
}

void strlen(Call& call) {
  const auto text = call.get<Text>(call.args[1]);
  if (!text) return call.fail(text.error());
  call.reply.integer(*text == nullptr ? 0 : static_cast<int64_t>((*text)->size()));
}

void getrange(Call& call) {
  auto start = call.integer(2);
  if (!start) return;
  auto end = call.integer(3);
  if (!end) return;
  const auto text = call.get<Text>(call.args[1]);
  if (!text) return call.fail(text.error());
  if (*text == nullptr) return call.reply.bulk("");
  const auto size = static_cast<int64_t>((*text)->size());
  if (*start < 0 && *end < 0 && *start > *end) return call.reply.bulk("");
  if (*start < 0) *start = std::max<int64_t>(0, *start + size);
  if (*end < 0) *end = std::max<int64_t>(0, *end + size);
  *end = std::min(*end, size - 1);
  if (size == 0 || *start > *end) return call.reply.bulk("");
  call.reply.bulk(
      ByteView(**text).substr(static_cast<size_t>(*start), static_cast<size_t>(*end - *start + 1)));
}

void setrange(Call& call) {
  const auto offset = call.integer(2);
  if (!offset) return;
  if (*offset < 0) return call.fail("ERR offset is out of range");
  const auto text = call.get<Text>(call.args[1]);
  if (!text) return call.fail(text.error());
  std::string value(*text == nullptr ? ByteView() : ByteView(**text));
  const ByteView part = call.args[3];
  if (part.empty()) return call.reply.integer(static_cast<int64_t>(value.size()));
  if (*offset > static_cast<int64_t>(kStringBytesMax - part.size())) {
    return call.fail("ERR string exceeds maximum allowed size (proto-max-bulk-len)");
  }
  const size_t end = static_cast<size_t>(*offset) + part.size();
  if (value.size() < end) value.resize(end);
  value.replace(static_cast<size_t>(*offset), part.size(), part);
  call.keys.set_string(call.database(), call.args[1], value, deadline_of(call, call.args[1]));
  call.reply.integer(static_cast<int64_t>(value.size()));
}

void add(Call& call, int64_t amount) {
  const auto text = call.get<Text>(call.args[1]);
  if (!text) return call.fail(text.error());
  const auto before = *text == nullptr ? std::optional<int64_t>(0) : parse_integer(**text);
  if (!before) return call.fail(errors::kNotInteger);
  int64_t after = 0;
  if (__builtin_add_overflow(*before, amount, &after)) {
    return call.fail("ERR increment or decrement would overflow");
  }
  call.keys.set_string(call.database(), call.args[1], std::to_string(after),
                       deadline_of(call, call.args[1]));
  call.reply.integer(after);
}

void incr(Call& call) {
  add(call, 1);
}
void decr(Call& call) {
  add(call, -1);
}

void incrby(Call& call) {
  const auto amount = call.integer(2);
  if (amount) add(call, *amount);
}

void decrby(Call& call) {
  const auto amount = call.integer(2);
  if (!amount) return;
  if (*amount == INT64_MIN) return call.fail("ERR decrement would overflow");
  add(call, -*amount);
}

void incrbyfloat(Call& call) {
  const auto text = call.get<Text>(call.args[1]);
  if (!text) return call.fail(text.error());
  const auto before = *text == nullptr ? std::optional<double>(0) : parse_double(**text);
  if (!before) return call.fail(errors::kNotFloat);
  const auto amount = call.real(2);
  if (!amount) return;
  const double after = *before + *amount;
  if (std::isnan(after) || std::isinf(after))
    return call.fail("ERR increment would produce NaN or Infinity");
  const std::string value = fmt::format("{}", after == std::floor(after) && std::fabs(after) < 1e17
                                                  ? std::to_string(static_cast<int64_t>(after))
                                                  : fmt::format("{}", after));
  call.keys.set_string(call.database(), call.args[1], value, deadline_of(call, call.args[1]));
  call.reply.bulk(value);
}

using namespace flag;
constexpr KeyPositions kOne{1, 1, 1};
constexpr uint32_t kChange = kWrite | kDenyOom;
constexpr Command kCommands[] = {
    {"append", 3, kChange | kFast, kOne, "string", "@string", "2.0.0", "Appends to a string.",
     append},
    {"decr", 2, kChange | kFast, kOne, "string", "@string", "1.0.0", "Subtracts one.", decr},
    {"decrby", 3, kChange | kFast, kOne, "string", "@string", "1.0.0", "Subtracts a whole number.",
     decrby},
    {"get", 2, kReadonly | kFast, kOne, "string", "@string", "1.0.0", "Reads a string.", get},
    {"getdel", 2, kWrite | kFast, kOne, "string", "@string", "6.2.0",
     "Reads a string and deletes its key.", getdel},
    {"getex", -2, kWrite | kFast, kOne, "string", "@string", "6.2.0",
     "Reads a string and sets its expiration.", getex},
    {"getrange", 4, kReadonly, kOne, "string", "@string", "2.4.0", "Reads a part of a string.",
     getrange},
    {"substr", 4, kReadonly, kOne, "string", "@string", "1.0.0", "Reads a part of a string.",
     getrange},
    {"getset", 3, kChange | kFast, kOne, "string", "@string", "1.0.0",
     "Replaces a string and gives the old one.", getset},
    {"incr", 2, kChange | kFast, kOne, "string", "@string", "1.0.0", "Adds one.", incr},
    {"incrby", 3, kChange | kFast, kOne, "string", "@string", "1.0.0", "Adds a whole number.",
     incrby},
    {"incrbyfloat", 3, kChange | kFast, kOne, "string", "@string", "2.6.0", "Adds a number.",
     incrbyfloat},
    {"mget",
     -2,
     kReadonly | kFast,
     {1, -1, 1},
     "string",
     "@string",
     "1.0.0",
     "Reads several strings.",
     mget},
    {"mset", -3, kChange, {1, -1, 2}, "string", "@string", "1.0.1", "Sets several strings.", mset},
    {"msetnx",
     -3,
     kChange,
     {1, -1, 2},
     "string",
     "@string",
     "1.0.1",
     "Sets several strings if none of the keys exists.",
     msetnx},
    {"psetex", 4, kChange, kOne, "string", "@string", "2.6.0",
     "Sets a string that expires, in milliseconds.", psetex},
    {"set", -3, kChange, kOne, "string", "@string", "1.0.0", "Sets a string.", set},
    {"setex", 4, kChange, kOne, "string", "@string", "2.0.0",
     "Sets a string that expires, in seconds.", setex},
    {"setnx", 3, kChange | kFast, kOne, "string", "@string", "1.0.0",
     "Sets a string if the key does not exist.", setnx},
    {"setrange", 4, kChange, kOne, "string", "@string", "2.2.0", "Overwrites a part of a string.",
     setrange},
    {"strlen", 2, kReadonly | kFast, kOne, "string", "@string", "2.2.0", "The length of a string.",
     strlen},
};

}  // namespace

std::span<const Command> string_commands() {
  return kCommands;
}

}  // namespace weir::redis
