#include "core/catalog/catalog.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace weir::catalog {
namespace {

Thing topic(std::string name, uint64_t identity, std::vector<CellId> logs) {
  Thing thing;
  thing.kind = Kind::kTopic;
  thing.origin = Origin::kKafka;
  thing.name = {"", std::move(name)};
  thing.uuid = {identity, ~identity};
  thing.created = Timestamp(1000);
  thing.logs = std::move(logs);
  return thing;
}

void put(Catalog& catalog, const Thing& thing) {
  const auto event = catalog.decide_create(thing);
  ASSERT_TRUE(event) << event.error().message;
  ASSERT_TRUE(catalog.apply(*event));
}

TEST(Catalog, ANameIsOneThing) {
  Catalog catalog;
  put(catalog, topic("orders", 1, {CellId(1)}));
  EXPECT_EQ(catalog.decide_create(topic("orders", 2, {CellId(2)})).error().code,
            ErrorCode::kAlreadyExists);
  Thing queue = topic("orders", 3, {CellId(3)});
  queue.kind = Kind::kQueue;
  EXPECT_EQ(catalog.decide_create(queue).error().code, ErrorCode::kWrongKind);
  queue.name.space = "111122223333/eu-west-1";
  EXPECT_TRUE(catalog.decide_create(queue));
}

TEST(Catalog, CellIdsAreNeverReused) {
  Catalog catalog;
  put(catalog, topic("orders", 1, {catalog.next_cell()}));
  const CellId after = catalog.next_cell();
  ASSERT_TRUE(catalog.apply(*catalog.decide_remove({"", "orders"})));
  EXPECT_EQ(catalog.next_cell(), after);
  Catalog reloaded;
  ASSERT_TRUE(reloaded.load(catalog.image()));
  EXPECT_EQ(reloaded.next_cell(), after);
}

TEST(Catalog, PartitionsCanBeAddedButNotRemoved) {
  Catalog catalog;
  put(catalog, topic("orders", 1, {CellId(1), CellId(2)}));
  EXPECT_TRUE(catalog.decide_alter(topic("orders", 1, {CellId(1), CellId(2), CellId(3)})));
  EXPECT_EQ(catalog.decide_alter(topic("orders", 1, {CellId(1)})).error().code,
            ErrorCode::kInvalidArgument);
}

TEST(Catalog, ARenamedThingKeepsItsIdentityAndItsCells) {
  Catalog catalog;
  put(catalog, topic("old", 7, {CellId(1)}));
  ASSERT_TRUE(catalog.apply(*catalog.decide_rename({"", "old"}, {"", "new"})));
  EXPECT_EQ(catalog.find({"", "old"}), nullptr);
  const Thing* renamed = catalog.find({"", "new"});
  ASSERT_NE(renamed, nullptr);
  EXPECT_EQ(catalog.find(Uuid{7, ~uint64_t{7}}), renamed);
  EXPECT_EQ(catalog.owner_of(CellId(1)), renamed);
}

TEST(Catalog, QueuesAreListedWithoutLookingAtTopics) {
  Catalog catalog;
  const auto queue = [&](std::string name, uint64_t number) {
    Thing thing = topic(std::move(name), number, {CellId(2 * number)});
    thing.kind = Kind::kQueue;
    thing.queue = CellId(2 * number + 1);
    put(catalog, thing);
    return thing;
  };
  const auto names = [](const Catalog& of, std::string_view from = "") {
    std::vector<std::string> names;
    of.each_queue("", from, [&](const Thing& thing) {
      names.push_back(thing.name.name);
      return true;
    });
    return names;
  };
  using Names = std::vector<std::string>;
  put(catalog, topic("a", 1, {CellId(2)}));
  queue("c", 2);
  queue("b", 3);
  Thing d = queue("d", 4);
  EXPECT_EQ(names(catalog), (Names{"b", "c", "d"}));
  EXPECT_EQ(names(catalog, "bb"), (Names{"c", "d"}));
  d.queue_policy.lease_ms = 1;
  ASSERT_TRUE(catalog.apply(*catalog.decide_alter(d)));
  ASSERT_TRUE(catalog.apply(*catalog.decide_rename({"", "b"}, {"", "z"})));
  ASSERT_TRUE(catalog.apply(*catalog.decide_remove({"", "c"})));
  EXPECT_EQ(names(catalog), (Names{"d", "z"}));
  Catalog reloaded;
  ASSERT_TRUE(reloaded.load(catalog.image()));
  EXPECT_EQ(names(reloaded), (Names{"d", "z"}));
}

TEST(Catalog, SourcesOfADeadLetterQueueAreFoundWithoutLookingAtOthers) {
  Catalog catalog;
  uint64_t number = 0;
  const auto queue = [&](std::string space, std::string name, std::string dead_letter) {
    ++number;
    Thing thing = topic(std::move(name), number, {CellId(2 * number)});
    thing.kind = Kind::kQueue;
    thing.name.space = std::move(space);
    thing.queue = CellId(2 * number + 1);
    if (!dead_letter.empty()) thing.queue_policy.receives_max = 3;
    thing.queue_policy.dead_letter = std::move(dead_letter);
    put(catalog, thing);
    return thing;
  };
  const auto sources = [](const Catalog& of, const Name& target, std::string_view from = "") {
    std::vector<std::string> names;
    of.each_source(target, from, [&](const Thing& thing) {
      names.push_back(thing.name.name);
      return true;
    });
    return names;
  };
  using Names = std::vector<std::string>;
  queue("", "dead", "");
  queue("", "b", "dead");
  Thing c = queue("", "c", "dead");
  queue("", "a", "dead");
  queue("", "other", "deader");
  queue("111122223333/eu-west-1", "elsewhere", "dead");
  EXPECT_EQ(sources(catalog, {"", "dead"}), (Names{"a", "b", "c"}));
  EXPECT_EQ(sources(catalog, {"", "dead"}, "b"), (Names{"b", "c"}));
  EXPECT_EQ(sources(catalog, {"111122223333/eu-west-1", "dead"}), (Names{"elsewhere"}));
  c.queue_policy.dead_letter = "deader";
  ASSERT_TRUE(catalog.apply(*catalog.decide_alter(c)));
  ASSERT_TRUE(catalog.apply(*catalog.decide_rename({"", "a"}, {"", "z"})));
  EXPECT_EQ(sources(catalog, {"", "dead"}), (Names{"b", "z"}));
  EXPECT_EQ(sources(catalog, {"", "deader"}), (Names{"c", "other"}));
  Catalog reloaded;
  ASSERT_TRUE(reloaded.load(catalog.image()));
  ASSERT_TRUE(catalog.apply(*catalog.decide_remove({"", "b"})));
  EXPECT_EQ(sources(catalog, {"", "dead"}), (Names{"z"}));
  EXPECT_EQ(sources(reloaded, {"", "dead"}), (Names{"b", "z"}));
}

TEST(Catalog, TruncatedEventsAndImagesAreRefusedWithoutEffect) {
  Catalog catalog;
  put(catalog, topic("orders", 1, {CellId(1)}));
  const std::string event = *catalog.decide_create(topic("other", 2, {CellId(2)}));
  for (size_t length = 0; length < event.size(); ++length) {
    EXPECT_FALSE(catalog.apply(ByteView(event).substr(0, length)));
  }
  const std::string image = catalog.image();
  for (size_t length = 0; length < image.size(); ++length) {
    EXPECT_FALSE(catalog.load(ByteView(image).substr(0, length)));
  }
  EXPECT_EQ(catalog.things(), 1U);
}

// An event that was written before queues had priorities.
TEST(Catalog, AQueueFromBeforeThereWerePrioritiesHasOne) {
  constexpr unsigned char kEvent[] = {1,    2,    5,    0,    1,    'q',  7, 0, 0, 0,
                                      0,    0,    0,    0,    8,    0,    0, 0, 0, 0,
                                      0,    0,    0xd0, 0x0f, 0xd0, 0x0f, 1, 1, 2, 1,
                                      1,    0x8c, 0x80, 0x40, 0,    0,  // the log's policy
                                      0xe0, 0xd4, 3,    0,    0,    0,    1, 1, 0, 0x80,
                                      0x80, 0x40, 0,    0};
  const ByteView event(reinterpret_cast<const char*>(kEvent), sizeof(kEvent));
  Catalog catalog;
  ASSERT_TRUE(catalog.apply(event));
  const Thing* queue = catalog.find(Name{"", "q"});
  ASSERT_NE(queue, nullptr);
  EXPECT_EQ(queue->queue_policy.priorities, 1);
  EXPECT_EQ(queue->queue_policy.order, Order::kPerGroup);
  EXPECT_TRUE(queue->queue_policy.deduplicate);
  EXPECT_EQ(catalog.decide_alter(*queue), event);
  Thing changed = *queue;
  changed.queue_policy.order = Order::kNone;
  changed.queue_policy.priorities = 10;
  ASSERT_TRUE(catalog.apply(*catalog.decide_alter(changed)));
  EXPECT_EQ(*catalog.find(Name{"", "q"}), changed);
}

TEST(Catalog, AConnectorsNameIsPlainAndItsPropertiesAreBounded) {
  const Catalog catalog;
  const auto refusal = [&](const std::string& name, size_t bytes) {
    Connector connector;
    connector.name = name;
    connector.properties["table.include.list"] = std::string(bytes, 'x');
    const auto event = catalog.decide_put_connector(connector, true);
    return event ? std::optional<ErrorCode>() : event.error().code;
  };
  EXPECT_EQ(refusal("orders-1.a_b", 10), std::nullopt);
  EXPECT_EQ(refusal("", 10), ErrorCode::kInvalidArgument);
  EXPECT_EQ(refusal("a/b", 10), ErrorCode::kInvalidArgument);
  EXPECT_EQ(refusal(std::string(101, 'a'), 10), ErrorCode::kInvalidArgument);
  EXPECT_EQ(refusal("orders", 64 << 10), ErrorCode::kTooLarge);
}

// Random histories: the state after replaying the events since any image equals the live state.
TEST(Catalog, ImageAndReplayEqualTheLiveState) {
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    Random random(seed);
    Catalog live;
    Catalog replayed;
    for (int step = 0; step < 200; ++step) {
      const std::string name = "t" + std::to_string(random.below(12));
      Result<std::string> event = fail(ErrorCode::kNotFound);
      switch (random.below(5)) {
        case 0:
        case 1: event = live.decide_create(topic(name, random.next(), {live.next_cell()})); break;
        case 2: event = live.decide_remove({"", name}); break;
        case 3: event = live.put_group({"", name}, live.next_cell()); break;
        default: event = live.decide_rename({"", name}, {"", name + "x"}); break;
      }
      if (!event) continue;
      ASSERT_TRUE(live.apply(*event)) << "seed " << seed;
      if (random.one_in(10)) {
        ASSERT_TRUE(replayed.load(live.image())) << "seed " << seed;
      } else {
        ASSERT_TRUE(replayed.apply(*event)) << "seed " << seed;
      }
      ASSERT_EQ(replayed.image(), live.image()) << "seed " << seed;
    }
  }
}

}  // namespace
}  // namespace weir::catalog
