#include "protocols/redis/scan_arguments.h"

#include "protocols/redis/numbers.h"

namespace weir::redis {

std::optional<ScanArguments> scan_arguments(Call& call, size_t index) {
  ScanArguments arguments;
  const auto cursor = parse_integer(call.args[index]);
  if (!cursor || *cursor < 0) {
    call.fail("ERR invalid cursor");
    return std::nullopt;
  }
  arguments.cursor = static_cast<uint64_t>(*cursor);
  for (size_t i = index + 1; i < call.count(); i += 2) {
    const bool has_value = i + 1 < call.count();
    if (has_value && call.is(i, "count")) {
      const auto count = call.integer(i + 1);
      if (!count) return std::nullopt;
      if (*count < 1) {
        call.fail(errors::kSyntax);
        return std::nullopt;
      }
      arguments.count = static_cast<size_t>(*count);
    } else if (has_value && call.is(i, "match")) {
      arguments.pattern = call.args[i + 1];
    } else {
      call.fail(errors::kSyntax);
      return std::nullopt;
    }
  }
  return arguments;
}

void reply_scan(Call& call, uint64_t next, const std::vector<ByteView>& found) {
  call.reply.array(2);
  call.reply.bulk(std::to_string(next));
  call.reply.array(found.size());
  for (const ByteView part : found) call.reply.bulk(part);
}

}  // namespace weir::redis
