// Certificates for tests, made with the openssl command line in a folder of the test.
import { execFileSync } from 'node:child_process';
import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export class Authority {
  constructor(folder, name = 'authority') {
    this.folder = folder;
    this.file = this.path(`${name}.pem`);
    this.key = this.path(`${name}.key`);
    openssl('req', '-x509', ...newKey(this.key), '-subj', `/CN=${name}`, '-days', '2', '-out', this.file);
  }

  path(name) { return join(this.folder, name); }

  // { certificate, key }: PEM files for a server on this host, or for a client.
  make(name, days = 2) {
    const made = { certificate: this.path(`${name}.pem`), key: this.path(`${name}.key`) };
    const [request, extensions] = [this.path(`${name}.csr`), this.path(`${name}.ext`)];
    openssl('req', ...newKey(made.key), '-subj', `/CN=${name}`, '-out', request);
    writeFileSync(extensions, 'subjectAltName=IP:127.0.0.1,IP:::1,DNS:localhost\n');
    openssl('x509', '-req', '-in', request, '-CA', this.file, '-CAkey', this.key, '-CAcreateserial', '-days', String(days), '-extfile', extensions, '-out', made.certificate);
    return made;
  }
}

// Puts the files of `made` in the place of those of `place`.
export function replace(place, made) {
  copyFileSync(made.certificate, place.certificate);
  copyFileSync(made.key, place.key);
}

function newKey(file) {
  return ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', file];
}

function openssl(...args) {
  execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}
