// Node 18, which Debian 12 has, keeps Web Cryptography in a module; the libraries expect it where browsers have it.
import { webcrypto } from 'node:crypto';

globalThis.crypto ??= webcrypto;
globalThis.CryptoKey ??= webcrypto.CryptoKey;
