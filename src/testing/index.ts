/** `ottla/testing`: a broker inside a test. */
export { BrokerStartError } from '../broker/broker-start-error.ts'
export { BrokerConfigError, startBroker } from './start-broker.ts'
export type { RunningBroker, StartBrokerOptions } from './start-broker.ts'
