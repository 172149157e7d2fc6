"""What the nursery imports before it forks: all that a service or a command would import when it starts."""

import aiokafka
import sqlalchemy.dialects.postgresql.asyncpg

import services.cli.lazy
import services.cli.main
import services.ingress.main
import services.sandbox.server
import services.sync.main
import shared.eventlog.kafka
import shared.eventlog.kafka_group

services.cli.lazy.every_command()

__all__ = ["aiokafka", "services", "shared", "sqlalchemy"]
