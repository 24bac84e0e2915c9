// The only module that imports the NATS client; loaded by client.ts when a sweep or a worker connects.

export { connect } from "@nats-io/transport-node";
export {
  AckPolicy,
  DeliverPolicy,
  DiscardPolicy,
  jetstream,
  JetStreamApiError,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
} from "@nats-io/jetstream";
