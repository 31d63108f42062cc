/**
 * Names on the two sides: attributes are camelCased, state_dict keys are PyTorch's.
 */

/** Keys that were asked for: there are as many as attributes are written in programs. */
const keys = new Map<string, string>();

/**
 * The state_dict segment of an attribute: `runningMean` -> `running_mean`, `weightIhL0Reverse` -> `weight_ih_l0_reverse`. Names that start with a capital or
 * contain an underscore before a letter (`AuxLogits`, `A_log`) are taken literally.
 */
export function keyOfAttribute(attribute: string): string {
  let key = keys.get(attribute);
  if (key === undefined) {
    const literal = /^[A-Z]/.test(attribute) || /_[A-Za-z]/.test(attribute);
    key = literal ? attribute : attribute.replace(/(?<=[A-Za-z0-9])[A-Z]/g, (c) => `_${c.toLowerCase()}`);
    keys.set(attribute, key);
  }
  return key;
}

/** The attribute under which a PyTorch name lives here: `running_mean` -> `runningMean`. */
export function attributeOfKey(key: string): string {
  return key.replace(/(?<=[a-z0-9])_([a-z])/g, (_, c: string) => c.toUpperCase());
}
