"""What one broker answers when it is asked to elect leaders, and what it tells of offsets."""

from confluent_kafka import ElectionType, TopicPartition
from confluent_kafka.admin import ConfigResource, OffsetSpec, ResourceType
from conftest import WAIT_S


def test_the_one_replica_leads_already(kafka):
    topic = kafka.topic(partitions=1)
    found = kafka.admin.elect_leaders(ElectionType.PREFERRED, [TopicPartition(topic, 0)]).result(WAIT_S)
    assert found[TopicPartition(topic, 0)].name() == "ELECTION_NOT_NEEDED"


def test_settings_of_a_group_are_shown_with_their_source(kafka):
    resource = ConfigResource(ResourceType.GROUP, kafka.group(interval_ms=700))
    entries = kafka.admin.describe_configs([resource])[resource].result(WAIT_S)
    assert entries["consumer.heartbeat.interval.ms"].value == "700"
    assert not entries["consumer.heartbeat.interval.ms"].is_default
    assert entries["consumer.session.timeout.ms"].value == "45000"


def test_offsets_by_time(kafka):
    topic = kafka.topic(partitions=1)
    kafka.fill(topic, 3, partitions=1)
    place = TopicPartition(topic, 0)

    def offset(spec):
        return kafka.admin.list_offsets({place: spec})[place].result(WAIT_S).offset

    assert offset(OffsetSpec.earliest()) == 0
    assert offset(OffsetSpec.latest()) == 3
    assert offset(OffsetSpec.for_timestamp(1 << 42)) == -1
