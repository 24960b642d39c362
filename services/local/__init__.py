"""Everything on one machine: Apache Kafka and PostgreSQL as child processes, in one data folder."""
