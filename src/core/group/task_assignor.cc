#include "core/group/task_assignor.h"

#include <absl/container/btree_map.h>
#include <absl/container/btree_set.h>
#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "base/assert.h"

namespace weir::group {
namespace {

constexpr uint32_t kNobody = std::numeric_limits<uint32_t>::max();

bool by_partition(const Task& a, const Task& b) {
  return std::pair(a.partition, a.part) < std::pair(b.partition, b.part);
}

class TaskSharing {
 public:
  TaskSharing(std::span<const Worker> workers, std::span<const PartSize> parts)
      : workers_(workers), shares_(workers.size()), loads_(workers.size()) {
    WEIR_ASSERT(!workers.empty(), "tasks for nobody");
    absl::flat_hash_map<std::string_view, uint32_t> places;
    for (uint32_t i = 0; i < workers.size(); ++i) {
      const auto [place, fresh] =
          places.emplace(workers[i].process, static_cast<uint32_t>(processes_.size()));
      if (fresh) processes_.emplace_back();
      process_of_.push_back(place->second);
      processes_[place->second].members.emplace(0, i);
    }
    for (uint32_t part = 0; part < parts.size(); ++part) {
      for (uint32_t partition = 0; partition < parts[part].tasks; ++partition) {
        all_.push_back({part, partition});
        if (parts[part].is_stateful) stateful_.push_back({part, partition});
      }
    }
    for (uint32_t i = 0; i < workers.size(); ++i) {
      for (const Task& task : workers[i].before->active) active_before_[task] = i;
      for (const Task& task : workers[i].before->standby) standby_before_[task].push_back(i);
    }
  }

  std::vector<Assignment> run(uint32_t standbys) {
    share_active();
    const auto copies =
        std::min<size_t>(standbys, processes_.size() - 1);  // each in a process of its own
    if (copies > 0) share_standby(copies);
    for (Assignment& share : shares_) {
      std::ranges::sort(share.active);
      std::ranges::sort(share.standby);
    }
    return std::move(shares_);
  }

 private:
  struct Process {
    absl::btree_set<std::pair<size_t, uint32_t>> members;  // load and number
    absl::flat_hash_set<std::pair<uint32_t, uint32_t>> tasks;
    size_t load = 0;

    double load_each() const {
      return static_cast<double>(load) / static_cast<double>(members.size());
    }
  };

  static std::pair<uint32_t, uint32_t> key(const Task& task) { return {task.part, task.partition}; }

  // ---- active: everybody gets `each_`, and `with_one_more_` members one more

  void share_active() {
    each_ = all_.size() / workers_.size();
    with_one_more_ = all_.size() % workers_.size();
    std::ranges::sort(all_, by_partition);
    std::erase_if(all_, [&](const Task& task) {
      const auto before = active_before_.find(task);
      return before != active_before_.end() && take(before->second, task);
    });
    std::erase_if(all_, [&](const Task& task) {
      const auto before = standby_before_.find(task);
      if (before == standby_before_.end()) return false;
      const uint32_t least = least_of(before->second);
      return least != kNobody && take(least, task);
    });
    // Neighbours to neighbours, as when there was nothing before.
    std::ranges::sort(all_);
    order_processes();
    for (const Task& task : all_) {
      const uint32_t member = next_with_room();
      const bool taken = take(member, task);
      WEIR_ASSERT(taken, "no room for task {}-{}", task.part, task.partition);
    }
  }
  bool has_room(size_t load) const { return load < each_ || (load == each_ && with_one_more_ > 0); }
  bool take(uint32_t member, const Task& task) {
    if (!has_room(loads_[member])) return false;
    if (loads_[member] == each_) --with_one_more_;
    shares_[member].active.push_back(task);
    add_load(member, task);
    return true;
  }
  // Who has no room now never has any again.
  uint32_t next_with_room() {
    while (true) {
      WEIR_ASSERT(!order_.empty(), "no member has room for a task");
      const Process& process = processes_[order_.begin()->second];
      const auto [load, member] = *process.members.begin();
      if (has_room(load)) return member;
      order_.erase(order_.begin());
    }
  }

  // ---- standby

  void share_standby(size_t copies) {
    const size_t total = loads_total() + stateful_.size() * copies;
    const size_t fair = (total + workers_.size() - 1) / workers_.size();
    std::vector<std::pair<Task, size_t>> open;
    std::ranges::sort(stateful_, by_partition);
    for (const Task& task : stateful_) {
      size_t left = copies;
      // The state is where the task was, and where it was followed.
      const auto active = active_before_.find(task);
      if (active != active_before_.end() && follow(active->second, task, fair)) --left;
      const auto standby = standby_before_.find(task);
      if (standby != standby_before_.end()) {
        for (const uint32_t member : standby->second) {
          if (left > 0 && follow(member, task, fair)) --left;
        }
      }
      if (left > 0) open.emplace_back(task, left);
    }
    std::ranges::sort(open);
    order_processes();
    for (const auto& [task, left] : open) {
      for (size_t i = 0; i < left; ++i) {
        const uint32_t member = least_without(task);
        WEIR_ASSERT(member != kNobody, "no process for a standby of {}-{}", task.part,
                    task.partition);
        shares_[member].standby.push_back(task);
        add_load(member, task);
      }
    }
  }
  bool follow(uint32_t member, const Task& task, size_t fair) {
    if (loads_[member] >= fair || process(member).tasks.contains(key(task))) return false;
    shares_[member].standby.push_back(task);
    add_load(member, task);
    return true;
  }
  // As many processes are passed over as have the task, which are few.
  uint32_t least_without(const Task& task) const {
    for (const auto& [load, place] : order_) {
      const Process& process = processes_[place];
      if (!process.tasks.contains(key(task))) return process.members.begin()->second;
    }
    return kNobody;
  }

  // ---- loads

  Process& process(uint32_t member) { return processes_[process_of_[member]]; }
  size_t loads_total() const {
    size_t total = 0;
    for (const size_t load : loads_) total += load;
    return total;
  }
  uint32_t least_of(const std::vector<uint32_t>& members) const {
    uint32_t least = kNobody;
    for (const uint32_t member : members) {
      if (least == kNobody || loads_[member] < loads_[least]) least = member;
    }
    return least;
  }
  void order_processes() {
    order_.clear();
    for (uint32_t i = 0; i < processes_.size(); ++i) order_.emplace(processes_[i].load_each(), i);
  }
  void add_load(uint32_t member, const Task& task) {
    const uint32_t place = process_of_[member];
    Process& process = processes_[place];
    const bool ordered = order_.erase({process.load_each(), place}) > 0;
    process.members.erase({loads_[member], member});
    process.members.emplace(++loads_[member], member);
    process.tasks.insert(key(task));
    ++process.load;
    if (ordered) order_.emplace(process.load_each(), place);
  }

  std::span<const Worker> workers_;
  Tasks all_;
  Tasks stateful_;
  absl::btree_map<Task, uint32_t> active_before_;
  absl::btree_map<Task, std::vector<uint32_t>> standby_before_;
  std::vector<Process> processes_;
  std::vector<uint32_t> process_of_;
  absl::btree_set<std::pair<double, uint32_t>> order_;  // processes by what each member has
  std::vector<Assignment> shares_;
  std::vector<size_t> loads_;
  size_t each_ = 0;
  size_t with_one_more_ = 0;
};

}  // namespace

std::vector<Assignment> share_out_tasks(std::span<const Worker> workers,
                                        std::span<const PartSize> parts,
                                        uint32_t standbys) {
  return TaskSharing(workers, parts).run(standbys);
}

}  // namespace weir::group
