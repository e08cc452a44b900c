"""Consumer groups of both protocols, through confluent-kafka-python."""

import pytest
from confluent_kafka import ConsumerGroupState, ConsumerGroupType, KafkaError, KafkaException, TopicPartition
from conftest import WAIT_S, owned, shared, until

BOTH = pytest.mark.parametrize("protocol", ["classic", "consumer"])


@BOTH
def test_members_come_and_go_and_every_record_is_read(kafka, protocol):
    topic, group, seen = kafka.topic(), kafka.group(), []
    kafka.fill(topic, 400)
    first = kafka.member(group, [topic], protocol)
    shared([first], [4], seen)
    second = kafka.member(group, [topic], protocol)
    shared([first, second], [2, 2], seen)
    third = kafka.member(group, [topic], protocol)
    shared([first, second, third], [1, 1, 2], seen)
    second.close()
    kafka.members.remove(second)
    shared([first, third], [2, 2], seen)
    until(lambda: owned([first, third], seen) and len(set(seen)) == 400, "all records")


@BOTH
def test_committed_offsets_are_gone_on_from(kafka, protocol):
    topic, group = kafka.topic(partitions=1), kafka.group()
    kafka.fill(topic, 10, partitions=1)
    member = kafka.member(group, [topic], protocol)
    message = until(lambda: member.poll(0.1), "a record")
    assert message.offset() == 0
    member.commit(offsets=[TopicPartition(topic, 0, 7, metadata="note")], asynchronous=False)
    assert member.committed([TopicPartition(topic, 0)], WAIT_S)[0].offset == 7
    member.close()
    kafka.members.remove(member)
    again = kafka.member(group, [topic], protocol)
    assert until(lambda: again.poll(0.1), "a record").offset() == 7


@BOTH
def test_a_static_member_comes_back_to_its_partitions(kafka, protocol):
    topic, group = kafka.topic(), kafka.group()
    members = [kafka.member(group, [topic], protocol, group_instance_id=f"worker-{i}") for i in range(2)]
    shared(members, [2, 2])
    before = owned(members)
    members[0].close()
    kafka.members.remove(members[0])
    members[0] = kafka.member(group, [topic], protocol, group_instance_id="worker-0")
    shared(members, [2, 2])
    assert owned(members) == before


@BOTH
def test_a_pattern_finds_topics_as_they_are_made(kafka, protocol):
    stem, group = kafka.name("pattern"), kafka.group()
    kafka.topic(name=f"{stem}.one")
    member = kafka.member(group, [f"^{stem}\\.(one|two)$"], protocol)
    shared([member], [4])
    kafka.topic(name=f"{stem}.two", partitions=2)
    kafka.topic(name=f"{stem}.three", partitions=2)
    shared([member], [6])


def test_the_range_assignor_gives_members_the_same_partitions_of_each_topic(kafka):
    topics, group = sorted([kafka.topic(), kafka.topic()]), kafka.group()
    members = [kafka.member(group, topics, group_remote_assignor="range") for _ in range(2)]
    shared(members, [4, 4])
    for one in owned(members):
        assert [p for t, p in one if t == topics[0]] == [p for t, p in one if t == topics[1]]


def test_an_unknown_assignor_is_refused(kafka):
    member = kafka.member(kafka.group(), [kafka.topic()], group_remote_assignor="sticky")
    message = until(lambda: member.poll(0.1), "an error")
    # The client makes the broker's UNSUPPORTED_ASSIGNOR a fatal error of its own, whose text tells of it.
    assert message.error().code() == KafkaError._FATAL
    assert "The assignor or its version range is not supported" in message.error().str()


def test_a_group_moves_to_the_new_protocol_and_back_while_it_reads(kafka):
    topic, group, seen = kafka.topic(), kafka.group(), []
    kafka.fill(topic, 200)
    old = [kafka.member(group, [topic], "classic", partition_assignment_strategy="cooperative-sticky") for _ in range(2)]
    shared(old, [2, 2], seen)
    new = kafka.member(group, [topic], "consumer")
    shared([*old, new], [1, 1, 2], seen)
    described = kafka.admin.describe_consumer_groups([group])[group].result(WAIT_S)
    assert described.type == ConsumerGroupType.CONSUMER
    assert len(described.members) == 3
    for member in old:
        member.close()
        kafka.members.remove(member)
    shared([new], [4], seen)

    back = kafka.member(group, [topic], "classic", partition_assignment_strategy="cooperative-sticky")
    shared([new, back], [2, 2], seen)
    new.close()
    kafka.members.remove(new)
    shared([back], [4], seen)
    described = kafka.admin.describe_consumer_groups([group])[group].result(WAIT_S)
    assert described.type == ConsumerGroupType.CLASSIC
    until(lambda: owned([back], seen) and len(set(seen)) == 200, "all records")


def test_groups_are_listed_described_and_deleted(kafka):
    topic, group = kafka.topic(), kafka.group()
    member = kafka.member(group, [topic], client_id="reader")
    shared([member], [4])

    def listed(**filters):
        found = kafka.admin.list_consumer_groups(**filters).result(WAIT_S)
        assert not found.errors
        return {one.group_id: one for one in found.valid}

    assert listed(types={ConsumerGroupType.CONSUMER})[group].state == ConsumerGroupState.STABLE
    assert group not in listed(types={ConsumerGroupType.CLASSIC})
    described = kafka.admin.describe_consumer_groups([group])[group].result(WAIT_S)
    assert described.state == ConsumerGroupState.STABLE
    assert described.members[0].client_id == "reader"
    assert len(described.members[0].assignment.topic_partitions) == 4
    assert len(described.members[0].target_assignment.topic_partitions) == 4
    with pytest.raises(KafkaException) as refused:
        kafka.admin.delete_consumer_groups([group])[group].result(WAIT_S)
    assert refused.value.args[0].code() == KafkaError.NON_EMPTY_GROUP
    member.close()
    kafka.members.remove(member)
    assert listed()[group].state == ConsumerGroupState.EMPTY
    kafka.admin.delete_consumer_groups([group])[group].result(WAIT_S)
    assert group not in listed()


def test_offsets_of_an_empty_group_are_set_from_outside(kafka):
    from confluent_kafka import ConsumerGroupTopicPartitions

    topic, group = kafka.topic(partitions=1), kafka.group()
    kafka.fill(topic, 5, partitions=1)
    wanted = ConsumerGroupTopicPartitions(group, [TopicPartition(topic, 0, 3)])
    kafka.admin.alter_consumer_group_offsets([wanted])[group].result(WAIT_S)
    found = kafka.admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])[group].result(WAIT_S)
    assert [(place.partition, place.offset) for place in found.topic_partitions] == [(0, 3)]
    member = kafka.member(group, [topic])
    assert until(lambda: member.poll(0.1), "a record").offset() == 3
