-- The registry keeps its schemas beside the ledger, in a database of its own.
CREATE DATABASE registry;
