/** `ottla`: a broker inside a program, and the version of this package. */
export { BrokerStartError } from './broker/broker-start-error.ts'
export { VERSION } from './std/version.ts'
export type { LogFields, LogLevel, LogRecord } from './std/logger.ts'
export { BrokerConfigError, startBroker } from './testing/start-broker.ts'
export type { RunningBroker, StartBrokerOptions } from './testing/start-broker.ts'
