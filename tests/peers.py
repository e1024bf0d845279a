#!/usr/bin/python3
"""Servers and load generators of Debian packages for tests: unpacked into build/peers, never installed.

    tests/peers.py NAME...     prints the folder of each (its root), fetching it when missing

As a module: peers.root('postfix') gives that folder, or None when it cannot be had; peers.run_env(root) the
environment in which its programs find their libraries.
"""
import fcntl, os, pathlib, subprocess, sys

TOP = pathlib.Path(__file__).resolve().parent.parent
STORE = TOP / 'build/peers'
# a peer and what Debian packages it needs that are not on every machine
PACKAGES = {
    'postfix': ['postfix', 'libicu72', 'libnsl2', 'libtirpc3', 'libsasl2-2'],
    'exim': ['exim4-daemon-heavy', 'exim4-base', 'libmariadb3', 'libspf2-2', 'libpq5', 'libldap-2.5-0', 'libperl5.36', 'libgnutls-dane0',
             'libidn12', 'libsasl2-2', 'libnsl2', 'libtirpc3'],
    'opensmtpd': ['opensmtpd'],
    'nsd': ['nsd', 'libfstrm0', 'libprotobuf-c1', 'libsystemd0'],
    'dovecot': ['dovecot-core', 'dovecot-imapd', 'dovecot-lmtpd', 'libexttextcat-2.0-0', 'libstemmer0d', 'liblua5.3-0',
                'libapparmor1', 'libtirpc3', 'libicu72'],
}


def fetch(name):
    here = STORE / name
    debs = here.with_suffix('.debs')
    debs.mkdir(exist_ok=True)
    subprocess.run(['apt-get', 'download', '-qq', *PACKAGES[name]], cwd=debs, check=True, stdout=subprocess.DEVNULL)
    part = here.with_suffix('.part')
    for deb in debs.glob('*.deb'):
        subprocess.run(['dpkg', '-x', deb, part], check=True)
        deb.unlink()
    debs.rmdir()
    part.rename(here)
    return here


def root(name):
    here = STORE / name
    try:
        STORE.mkdir(parents=True, exist_ok=True)
        with open(STORE / f'{name}.lock', 'w') as lock:  # two tests may want it at once
            fcntl.flock(lock, fcntl.LOCK_EX)
            return here if here.is_dir() else fetch(name)
    except (OSError, subprocess.CalledProcessError) as e:
        print(f'{name}: not to be had: {e}', file=sys.stderr)
        return None


def run_env(where):
    libs = [where / 'usr/lib/x86_64-linux-gnu', where / 'usr/lib', where / 'usr/lib/postfix', where / 'usr/lib/dovecot', where / 'lib/x86_64-linux-gnu']
    return dict(os.environ, LD_LIBRARY_PATH=':'.join(map(str, libs)))


if __name__ == '__main__':
    found = [root(n) for n in sys.argv[1:]]
    print('\n'.join(str(f) for f in found if f))
    raise SystemExit(0 if all(found) else 1)
