"""Clients of the broker at KAFKA_BROKERS, with names of their own for each test."""

import os
import time
import uuid

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic, ResourceType

BROKERS = os.environ["KAFKA_BROKERS"]
WAIT_S = 30


def until(condition, what):
    """Waits for the condition's first true value."""
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
    raise AssertionError(f"not in {WAIT_S} s: {what}")


class Kafka:
    """A client that makes topics, records and members of groups."""

    def __init__(self):
        self.admin = AdminClient({"bootstrap.servers": BROKERS})
        self.producer = Producer({"bootstrap.servers": BROKERS, "linger.ms": 1})
        self.members = []

    def name(self, kind):
        return f"{kind}-{uuid.uuid4().hex[:12]}"

    def topic(self, partitions=4, name=None):
        name = name or self.name("topic")
        self.admin.create_topics([NewTopic(name, partitions, 1)])[name].result(WAIT_S)
        return name

    def fill(self, topic, count, partitions=4):
        for number in range(count):
            self.producer.produce(topic, value=str(number), partition=number % partitions)
        assert self.producer.flush(WAIT_S) == 0

    def group(self, interval_ms=300):
        """A group's name, with heartbeats so frequent that tests need not wait for them."""
        name = self.name("group")
        entry = ConfigEntry("consumer.heartbeat.interval.ms", str(interval_ms), incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ResourceType.GROUP, name, incremental_configs=[entry])
        self.admin.incremental_alter_configs([resource])[resource].result(WAIT_S)
        return name

    def member(self, group, topics, protocol="consumer", **settings):
        own = {name.replace("_", "."): value for name, value in settings.items()}
        if protocol == "classic":
            own = {"heartbeat.interval.ms": 300, "session.timeout.ms": 6000} | own
        consumer = Consumer(
            {
                "bootstrap.servers": BROKERS,
                "group.id": group,
                "group.protocol": protocol,
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "topic.metadata.refresh.interval.ms": 500,
            }
            | own
        )
        consumer.subscribe(topics)
        self.members.append(consumer)
        return consumer

    def close(self):
        for member in self.members:
            member.close()


@pytest.fixture
def kafka():
    client = Kafka()
    yield client
    client.close()


def owned(members, seen=None):
    """Who has what, after everybody was polled once; records go to `seen`."""
    for member in members:
        message = member.poll(0.05)
        if message is not None and seen is not None:
            assert message.error() is None, message.error()
            seen.append((message.partition(), message.offset()))
    return [sorted((place.topic, place.partition) for place in member.assignment()) for member in members]


def shared(members, counts, seen=None):
    """Waits until the members have so many partitions, in any order, and no partition twice."""

    def balanced():
        have = owned(members, seen)
        every = [place for one in have for place in one]
        return sorted(map(len, have)) == sorted(counts) and len(every) == len(set(every))

    until(balanced, f"{counts} partitions each")
