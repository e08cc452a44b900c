#include "simulation/storage/storage_simulation.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "contract/journal_owner.h"
#include "simulation/storage/faulty_disk.h"
#include "simulation/storage/sim_executor.h"
#include "storage/local/local_journal.h"

namespace weir::storage {
namespace {

// What must be there: every commit ever submitted and not lost, and the state that follows from it.
struct Model {
  struct Cell {
    std::string text;
    std::vector<std::string> payloads;
  };
  using State = std::map<CellId, Cell>;

  static void apply(State& state, const TextOwner::Change& change) {
    const std::string& event = change.event;
    if (event[0] == 'd') {
      state.erase(change.cell);
      return;
    }
    Cell& cell = state[change.cell];
    if (event[0] == 'a') {
      cell.text += event.substr(1);
      if (!change.payload.empty()) cell.payloads.push_back(change.payload);
    } else if (event[0] == 'r') {
      const auto count = std::min<size_t>(static_cast<uint8_t>(event[1]), cell.payloads.size());
      cell.payloads.erase(cell.payloads.begin(),
                          cell.payloads.begin() + static_cast<ptrdiff_t>(count));
      cell.text += "-";
    }
  }
  State state() const {
    State state;
    for (const auto& commit : commits) {
      for (const auto& change : commit) apply(state, change);
    }
    return state;
  }

  std::vector<std::vector<TextOwner::Change>> commits;  // [lsn - 1]
};

// The owner that also keeps the model, including the commits that the tidier asks for.
class ModelledOwner : public TextOwner {
 public:
  ModelledOwner(broker::Journal& journal, Model& model) : TextOwner(journal), model_(model) {}

 protected:
  void committed(const std::vector<Change>& changes) override { model_.commits.push_back(changes); }

 private:
  Model& model_;
};

class Simulation {
 public:
  explicit Simulation(uint64_t seed) : seed_(seed), random_(seed), disk_(seed ^ 0x5eed) {
    options_.file_bytes = kBlock << (2 + random_.below(4));
    options_.tail_bytes_max = random_.one_in(2) ? 0 : size_t{1} << 20;
    options_.checkpoint_entries = 10 + random_.below(200);
    options_.checkpoint_files = 4 + random_.below(8);
    options_.checkpoint_step = std::chrono::microseconds(random_.below(40));
    options_.reserve_files = random_.below(3);
    options_.tidy_share = random_.one_in(3) ? 0 : 0.5;
  }

  SimulationReport run() {
    const uint64_t lives = 2 + random_.below(5);
    for (uint64_t life = 0; life < lives && !report_.violation; ++life) {
      ++report_.lives;
      begin_life();
      if (!report_.violation) live();
      if (!report_.violation) end_life(life + 1 == lives);
    }
    report_.commits = model_.commits.size();
    return std::move(report_);
  }

 private:
  void violate(std::string what) {
    if (report_.violation) return;
    report_.violation =
        fmt::format("seed {} life {} step {}: {}", seed_, report_.lives, step_, what);
  }

  void begin_life() {
    const bool faulty = random_.one_in(4);
    if (faulty) disk_.faults.read_error = 20;
    for (int attempt = 0;; ++attempt) {
      executor_ = std::make_unique<SimExecutor>(random_.next());
      options_.seed = random_.next();
      journal_ = std::make_unique<LocalJournal>(options_, disk_, *executor_);
      owner_ = std::make_unique<ModelledOwner>(*journal_, model_);
      const auto recovered = journal_->recover(*owner_);
      if (recovered) break;
      journal_.reset();
      if (!faulty || attempt > 0)
        return violate(fmt::format("the start failed: {}", recovered.error().message));
      disk_.faults = {};
    }
    disk_.faults = {};
    reads_fail_ = false;
    check_recovered();
  }

  // What was promised is there, nothing else than a prefix of what was submitted is, and it means
  // the same as before.
  void check_recovered() {
    const uint64_t last = journal_->next_lsn().value() - 1;
    if (last < promised_.value()) {
      return violate(
          fmt::format("commit {} was announced, recovery ends at {}", promised_.value(), last));
    }
    if (last > model_.commits.size()) {
      return violate(fmt::format("recovery found commit {}, only {} were submitted", last,
                                 model_.commits.size()));
    }
    model_.commits.resize(last);
    compare_states();
    if (!report_.violation) read_everything();
  }

  void compare_states() {
    const Model::State expected = model_.state();
    for (const auto& [cell, state] : expected) {
      const auto found = owner_->cells.find(cell);
      if (found == owner_->cells.end())
        return violate(fmt::format("cell {} is missing", cell.value()));
      if (found->second.text != state.text) {
        return violate(fmt::format("cell {} holds\n  {}\nbut should hold\n  {}", cell.value(),
                                   found->second.text, state.text));
      }
      if (found->second.kept.size() != state.payloads.size()) {
        return violate(fmt::format("cell {} keeps {} payloads, not {}", cell.value(),
                                   found->second.kept.size(), state.payloads.size()));
      }
    }
    for (const auto& [cell, state] : owner_->cells) {
      if (!expected.contains(cell)) violate(fmt::format("cell {} should be gone", cell.value()));
    }
  }

  void read_everything() {
    for (const auto& [cell, state] : model_.state()) {
      for (size_t i = 0; i < state.payloads.size(); ++i) read(cell, i, state.payloads[i]);
    }
    if (!executor_->run_until([&] { return reading_ == 0; })) violate("a read never answered");
  }

  void read(CellId cell, size_t index, const std::string& payload) {
    const broker::Extent extent = owner_->cells[cell].kept[index];
    ++report_.reads;
    if (const auto cached = journal_->read_cached(cell, extent))
      return compare(cell, extent, payload, *cached);
    ++reading_;
    journal_->read(cell, extent, [this, cell, extent, payload](broker::ReadResult found) {
      --reading_;
      if (found) return compare(cell, extent, payload, *found);
      // Released meanwhile, the file may be gone; and a failing disk may say so.
      const auto owner = owner_->cells.find(cell);
      const bool live =
          owner != owner_->cells.end() && std::ranges::count(owner->second.kept, extent) > 0;
      const bool failing = reads_fail_ && found.error().code == ErrorCode::kStorageUnavailable;
      if (live && !failing) violate("a read failed: " + found.error().message);
    });
  }

  void compare(CellId cell,
               const broker::Extent& extent,
               const std::string& payload,
               const std::vector<broker::StoredEntry>& found) {
    if (found.size() != 1 || found.front().payload.view() != payload ||
        found.front().extent != extent) {
      violate(fmt::format("cell {} reads something else than was written", cell.value()));
    }
  }

  void live() {
    const uint64_t steps = 20 + random_.below(400);
    for (step_ = 0; step_ < steps && !report_.violation; ++step_) {
      act();
      for (uint64_t i = random_.below(12); i > 0; --i) executor_->step();
      check_rules();
    }
  }

  void act() {
    switch (random_.below(24)) {
      case 0: return journal_->checkpoint();
      case 1: return read_some();
      case 2: return executor_->pass(std::chrono::milliseconds(random_.below(400)));
      case 3: return change_faults();
      case 4:
      case 5:
      case 6: return release();
      case 7: return drop();
      default: return submit();
    }
  }

  void submit() {
    std::vector<TextOwner::Change> changes;
    size_t bytes = 0;
    for (uint64_t i = 1 + random_.below(3); i > 0; --i) {
      const CellId cell(first_cell_ + random_.below(12));
      std::string payload;
      if (random_.one_in(2)) payload = make_payload();
      bytes += payload.size() + 60;
      changes.push_back({cell, fmt::format("a{},", counter_++), std::move(payload)});
    }
    if (!journal_->admit(broker::Admission::kData, bytes)) return;
    owner_->now = owner_->now + Milliseconds(random_.below(3));
    owner_->commit(changes, static_cast<Durability>(random_.one_in(3) ? random_.below(3) : 0));
  }

  std::string make_payload() {
    size_t length = 1 + random_.below(600);
    if (random_.one_in(10)) length = 1 + random_.below(options_.file_bytes / 2);
    if (random_.one_in(100)) length = options_.file_bytes + random_.below(options_.file_bytes);
    std::string payload = fmt::format("{}:", counter_++);
    while (payload.size() < length) payload += static_cast<char>('a' + random_.below(26));
    return payload;
  }

  void release() {
    if (!journal_->admit(broker::Admission::kRelease, 100) || owner_->cells.empty()) return;
    auto cell = owner_->cells.begin();
    std::advance(cell, random_.below(owner_->cells.size()));
    owner_->release_oldest(cell->first, static_cast<uint8_t>(1 + random_.below(20)));
  }

  void drop() {
    if (!journal_->admit(broker::Admission::kRelease, 100) || owner_->cells.empty()) return;
    const auto first = owner_->cells.upper_bound(CellId(0));  // 0 is the catalog
    if (first == owner_->cells.end()) return;
    const CellId cell = first->first;
    owner_->drop(cell);
    first_cell_ = std::max(first_cell_, cell.value() + 1);  // never used again
  }

  void read_some() {
    const Model::State state = model_.state();
    for (const auto& [cell, content] : state) {
      if (content.payloads.empty() || !random_.one_in(3)) continue;
      const size_t index = random_.below(content.payloads.size());
      read(cell, index, content.payloads[index]);
    }
  }

  void change_faults() {
    disk_.faults = {};
    disk_.faults.stale_page = random_.below(4);
    disk_.capacity = UINT64_MAX;
    switch (random_.below(6)) {
      case 0: disk_.faults.write_error = 2 + random_.below(20); break;
      case 1: disk_.faults.sync_error = 2 + random_.below(20); break;
      case 2:
        disk_.faults.read_error = 2 + random_.below(20);
        reads_fail_ = true;
        break;
      case 3: disk_.faults.short_transfer = 2 + random_.below(5); break;
      case 4: disk_.capacity = disk_.used() + random_.below(3 * options_.file_bytes); break;
      default: break;
    }
  }

  void check_rules() {
    if (!owner_->violations.empty()) violate(owner_->violations.front());
    if (journal_->durable() != owner_->announced_durable && owner_->announced_durable > Lsn()) {
      violate("the durable watermark moved without being announced");
    }
  }

  void end_life(bool last) {
    report_.checkpoints += journal_->metrics().checkpoints;
    report_.faults += journal_->metrics().write_errors;
    report_.moves += static_cast<uint64_t>(owner_->moves);
    if (last || random_.one_in(5)) {
      heal();
      if (report_.violation) return;
    }
    const bool power = random_.below(3) > 0;
    // After a failed write or sync nobody knows what the system's cache still holds.
    const bool cached = !power && disk_.errors() == errors_before_;
    errors_before_ = disk_.errors();
    promised_ = cached ? journal_->written() : journal_->durable();
    disk_.faults = {};
    executor_->die([&] {
      if (power) disk_.begin_dying();
    });
    journal_.reset();
    owner_.reset();
    constexpr uint64_t kKeep[] = {0, 0, 30, 70, 100};
    disk_.cut_power(power ? kKeep[random_.below(5)] : 100);
    disk_.faults = {};
    disk_.capacity = UINT64_MAX;
    reading_ = 0;
    if (last) {
      begin_life();
      if (journal_ != nullptr) executor_->die();
      journal_.reset();
    }
  }

  // Once the disk behaves, everything must become durable and writable again, and garbage must go.
  void heal() {
    disk_.faults = {};
    disk_.capacity = UINT64_MAX;
    const auto healthy = [&] {
      return journal_->durable().next() == journal_->next_lsn() && !owner_->problem &&
             journal_->admit(broker::Admission::kData, 1).has_value();
    };
    if (!executor_->run_until(healthy))
      return violate("the disk is well again, the journal is not");
    if (!executor_->run_until([&] { return reading_ == 0; }))
      return violate("a read never answered");
    for (const auto& [cell, state] : std::map(owner_->cells)) {
      if (cell > CellId(0)) owner_->drop(cell);
    }
    for (int i = 0; i < 2; ++i) {
      const uint64_t before = journal_->metrics().checkpoints;
      const auto installed = [&] {
        if (!journal_->checkpoint_under_way()) journal_->checkpoint();
        return journal_->metrics().checkpoints > before + 1;
      };
      if (!executor_->run_until(installed)) return violate("no checkpoint can be installed");
    }
    first_cell_ += 12;
    if (journal_->metrics().live_bytes > 0) violate("bytes are live that nobody keeps");
    if (journal_->metrics().files > 4 + options_.reserve_files) {
      violate(fmt::format("{} files are kept for nothing", journal_->metrics().files));
    }
  }

  const uint64_t seed_;
  Random random_;
  FaultyDisk disk_;
  LocalJournal::Options options_;
  Model model_;
  std::unique_ptr<SimExecutor> executor_;
  std::unique_ptr<LocalJournal> journal_;
  std::unique_ptr<ModelledOwner> owner_;
  Lsn promised_;
  uint64_t first_cell_ = 1;
  uint64_t counter_ = 0;
  uint64_t step_ = 0;
  int reading_ = 0;
  bool reads_fail_ = false;  // a read of this life may have met an error
  uint64_t errors_before_ = 0;
  SimulationReport report_;
};

}  // namespace

SimulationReport simulate_storage(uint64_t seed) {
  return Simulation(seed).run();
}

}  // namespace weir::storage
