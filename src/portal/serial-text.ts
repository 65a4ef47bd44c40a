/** A serial number as certificate choosers write it: whole bytes, upper case. `serial` is lower-case hex. */
export function writeSerial(serial: string): string {
  return (serial.length % 2 === 1 ? `0${serial}` : serial).toUpperCase()
}
