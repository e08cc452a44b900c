#pragma once
// A cell as the broker keeps it: a pure state machine behind the few things that recovery,
// checkpoints and the clock need. The first byte of a cell's events and images in the journal is
// its kind.

#include <memory>

#include "base/error.h"
#include "base/ids.h"
#include "base/time.h"
#include "broker/ports/journal.h"

namespace weir::broker {

enum class CellKind : uint8_t {
  kCatalog = 1,
  kLog = 2,
  kQueue = 3,
  kGroup = 4,
  kKeyspace = 5,
  kBridge = 6,
  kConnector = 8,
};

struct Replayed {
  Lsn lsn;
  Timestamp now;
  ByteView event;  // without the kind
  ByteView payload;
  Extent extent;
};

class Cell {
 public:
  explicit Cell(CellKind kind) : kind_(kind) {}
  virtual ~Cell() = default;
  Cell(const Cell&) = delete;
  Cell& operator=(const Cell&) = delete;

  CellKind kind() const { return kind_; }

  // kStorageCorrupt when it cannot be understood. Places that the event frees go to `released`,
  // places that it refers to (where the tidier has moved rows) to `held`; its own payload's place
  // is held by the journal already.
  virtual Result<void> replay(const Replayed& entry,
                              std::vector<Extent>& released,
                              std::vector<Extent>& held) = 0;
  // Without the kind byte. Spans that the loaded state holds go to `held`.
  virtual Result<void> load(ByteView image, std::vector<Extent>& held) = 0;
  // Appends to `image.head`, which begins with the kind byte already.
  virtual void save(CellImage& image) const = 0;
  // Every span that is given up when the cell is removed.
  virtual void held(std::vector<Extent>&) const {}
  // When tick() must look at it again.
  virtual Timestamp next_deadline() const { return Timestamp::never(); }
  // What is due by now. Changes nothing that is journaled.
  virtual void expire(Timestamp /*now*/) {}
  // Whether somebody who waits for the cell would now find something.
  virtual bool worth_a_try() const { return false; }

  // Kept by the broker's timers.
  Timestamp armed = Timestamp::never();
  // The newest commit that touched it; 0 before the first since start.
  Lsn last_lsn;

 private:
  CellKind kind_;
};

}  // namespace weir::broker
