"""confluent-kafka-python (librdkafka of today): groups of both protocols and their administration. The tests are our own."""

from pathlib import Path

from kit import fetched, python

_HERE = Path(__file__).resolve().parents[1] / "confluent-python"
CLIENT = "confluent-kafka==2.16.1"
PYTEST = "pytest==9.0.2"
_WHOLE_S = 900


def run(results):
    results.source = CLIENT.replace("==", " ")
    programs = python.environment(results, "confluent-kafka", CLIENT, PYTEST)
    with fetched.fast_broker().ready() as broker:
        settings = {"KAFKA_BROKERS": f"127.0.0.1:{broker.ports['kafka']}"}
        python.run_pytest(results, programs, _HERE, ["."], settings, [], _WHOLE_S)
        broker.check_alive()
