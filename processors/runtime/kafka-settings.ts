/** From the settings to the options of the Kafka client. */
import type { SettingsWith } from '../../schemas/settings.ts';
import type { KafkaOptions } from './kafka.ts';
import type { Log } from './logger.ts';

export function kafkaOptions(
  settings: SettingsWith<'KAFKA_BROKERS'>,
  clientId: string,
  log: Log,
): KafkaOptions {
  const {
    KAFKA_SASL_MECHANISM: mechanism,
    KAFKA_SASL_USERNAME: username,
    KAFKA_SASL_PASSWORD: password,
  } = settings;
  const ca = settings.KAFKA_SSL_CA;
  return {
    brokers: settings.KAFKA_BROKERS,
    clientId,
    log,
    ssl: settings.KAFKA_SSL ? (ca === undefined ? {} : { ca }) : undefined,
    // The three belong together; readSettings refuses some of them without the others.
    sasl:
      mechanism !== undefined && username !== undefined && password !== undefined
        ? ({ mechanism, username, password } as KafkaOptions['sasl'])
        : undefined,
  };
}
