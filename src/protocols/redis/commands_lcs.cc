// LCS: https://redis.io/docs/latest/commands/lcs/

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "protocols/redis/call.h"
#include "protocols/redis/command.h"
#include "protocols/redis/limits.h"

namespace weir::redis {
namespace {

struct LcsOptions {
  bool length = false;
  bool indexes = false;
  bool match_lengths = false;
  int64_t match_min = 0;
};

std::optional<LcsOptions> lcs_options(Call& call) {
  LcsOptions options;
  for (size_t i = 3; i < call.count(); ++i) {
    if (call.is(i, "len")) {
      options.length = true;
    } else if (call.is(i, "idx")) {
      options.indexes = true;
    } else if (call.is(i, "withmatchlen")) {
      options.match_lengths = true;
    } else if (call.is(i, "minmatchlen") && i + 1 < call.count()) {
      const auto least = call.integer(++i);
      if (!least) return std::nullopt;
      options.match_min = std::max<int64_t>(0, *least);
    } else {
      call.fail(errors::kSyntax);
      return std::nullopt;
    }
  }
  if (!options.length || !options.indexes) return options;
  call.fail("ERR If you want both the length and indexes, please just use IDX.");
  return std::nullopt;
}

// The text of a key, empty when there is none; nothing when the call has failed.
std::optional<ByteView> text_of(Call& call, size_t index) {
  const auto text = call.get<Text>(call.args[index]);
  if (!text) {
    call.fail("ERR The specified keys must contain string values");
    return std::nullopt;
  }
  return *text == nullptr ? ByteView() : ByteView(**text);
}

// Where a run of the common subsequence lies in both texts.
struct Run {
  size_t first = 0;
  size_t second = 0;
  size_t length = 0;
};

class Lcs {
 public:
  Lcs(ByteView a, ByteView b) : a_(a), b_(b), lengths_((a.size() + 1) * (b.size() + 1)) {
    for (size_t i = 1; i <= a.size(); ++i) {
      for (size_t j = 1; j <= b.size(); ++j) {
        at(i, j) =
            a[i - 1] == b[j - 1] ? at(i - 1, j - 1) + 1 : std::max(at(i - 1, j), at(i, j - 1));
      }
    }
  }

  // Of what the texts need: 4 bytes for every pair of places.
  static bool fits(ByteView a, ByteView b) {
    return (b.size() + 1) <= kBulkBytesMax / sizeof(uint32_t) / (a.size() + 1);
  }

  size_t length() { return at(a_.size(), b_.size()); }

  // From the end to the start, as the table is walked.
  std::vector<Run> runs() {
    std::vector<Run> runs;
    bool open = false;
    for (size_t i = a_.size(), j = b_.size(); i > 0 && j > 0;) {
      if (a_[i - 1] == b_[j - 1]) {
        if (!open) runs.push_back({i, j, 0});
        open = true;
        --i;
        --j;
        runs.back() = {i, j, runs.back().length + 1};
        continue;
      }
      open = false;
      (at(i - 1, j) > at(i, j - 1) ? i : j) -= 1;
    }
    return runs;
  }

 private:
  uint32_t& at(size_t i, size_t j) { return lengths_[i * (b_.size() + 1) + j]; }

  ByteView a_;
  ByteView b_;
  std::vector<uint32_t> lengths_;
};

void write_place(ReplyWriter& reply, size_t from, size_t length) {
  reply.array(2);
  reply.integer(static_cast<int64_t>(from));
  reply.integer(static_cast<int64_t>(from + length - 1));
}

void write_runs(ReplyWriter& reply, Lcs& lcs, const LcsOptions& options) {
  auto runs = lcs.runs();
  std::erase_if(
      runs, [&](const Run& run) { return static_cast<int64_t>(run.length) < options.match_min; });
  reply.map(2);
  reply.bulk("matches");
  reply.array(runs.size());
  for (const Run& run : runs) {
    reply.array(options.match_lengths ? 3 : 2);
    write_place(reply, run.first, run.length);
    write_place(reply, run.second, run.length);
    if (options.match_lengths) reply.integer(static_cast<int64_t>(run.length));
  }
  reply.bulk("len");
  reply.integer(static_cast<int64_t>(lcs.length()));
}

void lcs(Call& call) {
  const auto a = text_of(call, 1);
  if (!a) return;
  const auto b = text_of(call, 2);
  if (!b) return;
  const auto options = lcs_options(call);
  if (!options) return;
  if (!Lcs::fits(*a, *b)) {
    return call.fail(
        "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len");
  }
  Lcs common(*a, *b);
  if (options->indexes) return write_runs(call.reply, common, *options);
  if (options->length) return call.reply.integer(static_cast<int64_t>(common.length()));
  auto runs = common.runs();
  std::string text;
  for (size_t i = runs.size(); i-- > 0;) text += a->substr(runs[i].first, runs[i].length);
  call.reply.bulk(text);
}

constexpr Command kCommands[] = {
    {"lcs",
     -3,
     flag::kReadonly,
     {1, 2, 1},
     "string",
     "@string",
     "7.0.0",
     "Finds the longest common subsequence of two strings.",
     lcs},
};

}  // namespace

std::span<const Command> lcs_commands() {
  return kCommands;
}

}  // namespace weir::redis
