/** Name of the migrated database that freshDatabase copies. */
export const TEMPLATE_DATABASE = 'spillway_template';
