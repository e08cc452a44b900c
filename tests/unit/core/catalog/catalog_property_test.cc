// Random histories of the catalog against plain maps: every look-up answers as the maps do, and an
// image plus the events after it give the same state.
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "base/random.h"
#include "core/catalog/catalog.h"

namespace weir::catalog {
namespace {

class Harness {
 public:
  explicit Harness(uint64_t seed) : random_(seed), image_(live_.image()) {}

  void step() {
    switch (random_.below(14)) {
      case 0:
      case 1:
      case 2: return create();
      case 3:
      case 4: return alter();
      case 5: return remove();
      case 6: return rename();
      case 7:
      case 8: return group();
      case 9:
      case 10: return bridge();
      case 11: return keyspace();
      default: return connector();
    }
  }

  void check() {
    ASSERT_EQ(live_.things(), things_.size());
    auto expected = things_.begin();
    live_.each_thing_everywhere([&](const Thing& thing) {
      EXPECT_EQ(thing, (expected++)->second);
      return true;
    });
    ASSERT_EQ(expected, things_.end());
    for (const auto& [name, thing] : things_) {
      ASSERT_EQ(*live_.find(name), thing);
      ASSERT_EQ(live_.find(thing.uuid), live_.find(name));
      for (const CellId cell : thing.logs) ASSERT_EQ(live_.owner_of(cell), live_.find(name));
      for (const auto& [g, cell] : thing.stream_groups) {
        ASSERT_EQ(live_.owner_of(cell), live_.find(name));
      }
    }
    for (const auto& [name, cell] : groups_) ASSERT_EQ(live_.find_group(name), cell);
    for (const auto& [name, value] : bridges_) ASSERT_EQ(*live_.find_bridge(name), value);
    ASSERT_EQ(live_.bridges().size(), bridges_.size());
    for (const auto& [name, value] : connectors_) ASSERT_EQ(*live_.find_connector(name), value);
    ASSERT_EQ(live_.connectors().size(), connectors_.size());
    ASSERT_EQ(live_.next_cell(), next_);
  }

  void check_recovery() {
    Catalog recovered;
    ASSERT_TRUE(recovered.load(image_).has_value());
    for (const std::string& event : since_image_) ASSERT_TRUE(recovered.apply(event).has_value());
    ASSERT_EQ(recovered.image(), live_.image());
    if (random_.one_in(2)) {
      image_ = live_.image();
      since_image_.clear();
    }
  }

 private:
  Name any_name() {
    return {random_.one_in(4) ? "redis:1" : "", "n" + std::to_string(random_.below(15))};
  }
  CellId take_cell() {
    const CellId cell = next_;
    next_ = next_.next();
    return cell;
  }
  bool apply(const Result<std::string>& event) {
    if (!event) return false;
    EXPECT_TRUE(live_.apply(*event).has_value());
    since_image_.push_back(*event);
    return true;
  }

  void create() {
    Thing thing;
    thing.kind = random_.one_in(2) ? Kind::kTopic : Kind::kQueue;
    thing.origin = static_cast<Origin>(random_.below(6));
    thing.name = any_name();
    thing.uuid = {random_.next(), random_.next()};
    thing.created = Timestamp(static_cast<int64_t>(random_.below(1'000'000)));
    const CellId before = next_;
    for (uint64_t i = 0; i <= random_.below(3); ++i) thing.logs.push_back(take_cell());
    if (thing.kind == Kind::kQueue) thing.queue = take_cell();
    const bool exists = things_.contains(thing.name);
    const auto event = live_.decide_create(thing);
    ASSERT_EQ(event.has_value(), !exists);
    if (exists) {
      const bool same = things_[thing.name].kind == thing.kind;
      ASSERT_EQ(event.error().code, same ? ErrorCode::kAlreadyExists : ErrorCode::kWrongKind);
      next_ = before;
      return;
    }
    apply(event);
    things_[thing.name] = thing;
  }

  void alter() {
    const Name name = any_name();
    if (!things_.contains(name)) return;
    Thing thing = things_[name];
    const CellId before = next_;
    switch (random_.below(4)) {
      case 0: thing.logs.push_back(take_cell()); break;
      case 1: thing.properties["sqs.Policy"] = std::string(random_.below(50), 'p'); break;
      case 2: thing.stream_groups["g" + std::to_string(random_.below(3))] = take_cell(); break;
      default: thing.stream_groups.erase("g" + std::to_string(random_.below(3)));
    }
    thing.log_policy.retention_ms = static_cast<int64_t>(random_.below(1000)) - 1;
    thing.queue_policy.receives_max =
        thing.kind == Kind::kQueue ? static_cast<uint32_t>(random_.below(9)) : 0;
    const auto event = live_.decide_alter(thing);
    ASSERT_TRUE(event.has_value()) << event.error().message;
    if (!apply(event)) next_ = before;
    things_[name] = thing;
  }

  void remove() {
    const Name name = any_name();
    ASSERT_EQ(apply(live_.decide_remove(name)), things_.erase(name) == 1);
  }

  void rename() {
    const Name from = any_name();
    const Name to = any_name();
    const bool possible = things_.contains(from) && !things_.contains(to);
    ASSERT_EQ(apply(live_.decide_rename(from, to)), possible);
    if (!possible) return;
    Thing thing = things_[from];
    thing.name = to;
    things_.erase(from);
    things_[to] = thing;
  }

  void group() {
    const Name name = any_name();
    if (groups_.erase(name) == 1) {
      apply(live_.remove_group(name));
      ASSERT_FALSE(live_.find_group(name).has_value());
    } else {
      groups_[name] = take_cell();
      apply(live_.put_group(name, groups_[name]));
    }
  }

  void bridge() {
    const std::string name = "b" + std::to_string(random_.below(5));
    const bool exists = bridges_.contains(name);
    if (random_.one_in(3)) {
      ASSERT_EQ(apply(live_.decide_remove_bridge(name)), exists);
      bridges_.erase(name);
      return;
    }
    Bridge value;
    value.name = name;
    value.from = any_name();
    value.to = any_name();
    value.filter = "key=a*";
    value.paused = random_.one_in(2);
    value.cell = exists ? bridges_[name].cell : take_cell();
    ASSERT_FALSE(live_.decide_put_bridge(value, exists).has_value());
    ASSERT_TRUE(apply(live_.decide_put_bridge(value, !exists)));
    bridges_[name] = value;
  }

  void connector() {
    const std::string name = "c" + std::to_string(random_.below(5));
    const bool exists = connectors_.contains(name);
    if (random_.one_in(3)) {
      ASSERT_EQ(apply(live_.decide_remove_connector(name)), exists);
      connectors_.erase(name);
      return;
    }
    Connector value;
    value.name = name;
    value.kind = "postgres";
    value.properties["topic.prefix"] = std::to_string(random_.below(5));
    value.paused = random_.one_in(2);
    value.cell = exists ? connectors_[name].cell : take_cell();
    ASSERT_FALSE(live_.decide_put_connector(value, exists).has_value());
    ASSERT_TRUE(apply(live_.decide_put_connector(value, !exists)));
    connectors_[name] = value;
  }

  void keyspace() {
    const auto database = static_cast<uint32_t>(random_.below(16));
    if (live_.find_keyspace(database) != nullptr) return;
    const Keyspace value{database, next_, 4};
    next_ = CellId(next_.value() + 4);
    apply(live_.put_keyspace(value));
    ASSERT_EQ(*live_.find_keyspace(database), value);
  }

  Random random_;
  Catalog live_;
  CellId next_{1};
  std::map<Name, Thing> things_;
  std::map<Name, CellId> groups_;
  std::map<std::string, Bridge> bridges_;
  std::map<std::string, Connector> connectors_;
  std::string image_;
  std::vector<std::string> since_image_;
};

TEST(CatalogProperty, AnswersAsPlainMapsAndRecoversToTheSameState) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Harness harness(seed);
    for (int step = 0; step < 400; ++step) {
      harness.step();
      if (step % 10 == 0) harness.check();
      if (step % 40 == 0) harness.check_recovery();
      if (testing::Test::HasFailure()) FAIL() << "step " << step;
    }
  }
}

Thing queue(uint64_t number, CellId first) {
  Thing thing;
  thing.kind = Kind::kQueue;
  thing.name = {"", "q" + std::to_string(number)};
  thing.uuid = {number, 1};
  thing.logs = {first};
  thing.queue = first.next();
  return thing;
}

TEST(CatalogProperty, APinnedImageIsTheCatalogOfThatMoment) {
  Catalog catalog;
  for (uint64_t i = 0; i < 100; ++i) {
    ASSERT_TRUE(catalog.apply(catalog.decide_create(queue(i, catalog.next_cell())).value()));
  }
  const std::string expected = catalog.image();
  Catalog::Image pinned = catalog.pinned_image();
  for (uint64_t i = 0; i < 50; ++i) {
    ASSERT_TRUE(catalog.apply(catalog.decide_remove({"", "q" + std::to_string(i)}).value()));
  }
  Thing changed = *catalog.find({"", "q77"});
  changed.queue_policy.lease_ms = 5;
  ASSERT_TRUE(catalog.apply(catalog.decide_alter(changed).value()));
  Catalog::write_things(pinned.things, pinned.head);
  EXPECT_EQ(pinned.head, expected);
}

TEST(CatalogProperty, ACreationMayNotTakeAnIdentityThatIsInUse) {
  Catalog catalog;
  ASSERT_TRUE(catalog.apply(catalog.decide_create(queue(1, CellId(1))).value()));
  Thing thief = queue(2, CellId(3));
  thief.uuid = {1, 1};
  EXPECT_EQ(catalog.decide_create(thief).error().code, ErrorCode::kInvalidArgument);
}

TEST(CatalogProperty, LimitsAreErrorsNotSurprises) {
  Catalog catalog(
      {.things_max = 2, .name_bytes_max = 10, .partitions_max = 2, .property_bytes_max = 20});
  const auto code = [&](const Thing& thing) {
    const auto event = catalog.decide_create(thing);
    return event ? ErrorCode::kShuttingDown : event.error().code;
  };
  Thing thing = queue(1, CellId(1));
  thing.name.name = "";
  EXPECT_EQ(code(thing), ErrorCode::kInvalidArgument);
  thing.name.name = "elevenbytes";
  EXPECT_EQ(code(thing), ErrorCode::kTooLarge);
  thing = queue(1, CellId(1));
  thing.logs = {CellId(1), CellId(2), CellId(3)};
  EXPECT_EQ(code(thing), ErrorCode::kInvalidArgument);
  thing = queue(1, CellId(1));
  thing.properties["policy"] = "more than twenty bytes";
  EXPECT_EQ(code(thing), ErrorCode::kTooLarge);
  for (uint64_t i = 0; i < 2; ++i) {
    ASSERT_TRUE(catalog.apply(catalog.decide_create(queue(i, catalog.next_cell())).value()));
  }
  EXPECT_EQ(code(queue(9, CellId(9))), ErrorCode::kLimitReached);
}

}  // namespace
}  // namespace weir::catalog
