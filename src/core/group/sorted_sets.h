#pragma once
// What ascending vectors of partitions or tasks have in common, and what not.

#include <algorithm>
#include <iterator>
#include <vector>

namespace weir::group {

template <typename T>
std::vector<T> without(const std::vector<T>& all, const std::vector<T>& taken) {
  std::vector<T> rest;
  std::ranges::set_difference(all, taken, std::back_inserter(rest));
  return rest;
}

template <typename T>
std::vector<T> common(const std::vector<T>& a, const std::vector<T>& b) {
  std::vector<T> both;
  std::ranges::set_intersection(a, b, std::back_inserter(both));
  return both;
}

}  // namespace weir::group
