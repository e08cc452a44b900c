#include "core/group/pattern.h"

#include <fmt/format.h>
#include <re2/re2.h>

namespace weir::group {

Result<Pattern> Pattern::compile(std::string_view text) {
  if (text.size() > kBytesMax) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("the pattern is longer than {} bytes", kBytesMax));
  }
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_never_capture(true);
  options.set_max_mem(kMemoryMax);
  auto expression =
      std::make_shared<const re2::RE2>(re2::StringPiece(text.data(), text.size()), options);
  if (!expression->ok()) return fail(ErrorCode::kInvalidArgument, expression->error());
  return Pattern(std::move(expression));
}

bool Pattern::matches(std::string_view name) const {
  return re2::RE2::FullMatch(re2::StringPiece(name.data(), name.size()), *expression_);
}

}  // namespace weir::group
