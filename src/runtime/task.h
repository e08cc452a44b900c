#pragma once
// Task: something to run once, on another thread or later. Move-only, so that it may own what it
// needs.

#include <functional>

namespace weir::runtime {

using Task = std::move_only_function<void()>;

}  // namespace weir::runtime
