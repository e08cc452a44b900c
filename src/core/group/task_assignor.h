#pragma once
// How the tasks of a streams group are shared out (KIP-1071's sticky assignor): a task stays with
// the member that had it, then goes to one that followed its state, and else to where least is
// done; members get the same number of active tasks, give or take one. Standby tasks follow the
// state of stateful parts, each in another process than the active one and other standbys; there
// may be fewer than asked for when there are not enough processes.
//
// Deterministic: the same members, parts and earlier shares give the same answer.
// Pure functions.

#include <compare>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace weir::group {

// A partition of what a part of the topology reads.
struct Task {
  uint32_t part = 0;
  uint32_t partition = 0;

  auto operator<=>(const Task&) const = default;
};
// Sorted, each once.
using Tasks = std::vector<Task>;

struct Assignment {
  Tasks active;
  Tasks standby;

  bool empty() const { return active.empty() && standby.empty(); }
  bool operator==(const Assignment&) const = default;
};

struct PartSize {
  uint32_t tasks = 0;
  bool is_stateful = false;
};

// The views must outlive the call.
struct Worker {
  std::string_view process;            // several members may be threads of one
  const Assignment* before = nullptr;  // what it was given last
};

// One share for each worker, in their order. There is at least one.
std::vector<Assignment> share_out_tasks(std::span<const Worker> workers,
                                        std::span<const PartSize> parts,
                                        uint32_t standbys);

}  // namespace weir::group
