"""Apache Kafka for the tests: a real broker, started here or named in the environment, or a mock for the wire.

`python -m tests.support.kafka fetch` gets the jars beforehand, by the same code.
"""

from tests.support.kafka.broker import (
    Broker,
    MockCluster,
    OwnBroker,
    ToolFailed,
    TopicFactory,
    choose,
    create_topic,
    delete_topics,
    started,
    topic_name,
)
from tests.support.kafka.runtime import KAFKA_VERSION

__all__ = [
    "KAFKA_VERSION",
    "Broker",
    "MockCluster",
    "OwnBroker",
    "ToolFailed",
    "TopicFactory",
    "choose",
    "create_topic",
    "delete_topics",
    "started",
    "topic_name",
]
