/** What a mail address must look like (RFC 5321 4.1.2, without quoted local parts); nothing in it can end a header or a command. */
export const mailAddressPattern = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9][A-Za-z0-9.-]{0,251}[A-Za-z0-9]$/
