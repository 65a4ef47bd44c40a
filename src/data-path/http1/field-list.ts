/**
 * Header or trailer fields as one flat list: name, value, name, value… in the order received, names as spelled,
 * values without surrounding SP and HTAB. Bytes 0x80 to 0xff are kept one to one as latin1 characters.
 */
export type FieldList = string[]
