#!/bin/sh
# After electron-builder's own script. The rule: the command people type is `valetkey`, the command line; the app is started
# from its desktop entry and is on no PATH. Where the fast path is there, it is the command: it answers `valetkey token`
# itself and starts the command line beside it for everything else. git and Docker look for a helper by its name, which is
# a link to the command line.

program='/opt/${sanitizedProductName}/resources/valetkey'
update-alternatives --install /usr/bin/valetkey valetkey "$program" 100 \
    --slave /usr/bin/git-credential-valetkey git-credential-valetkey "$program" \
    --slave /usr/bin/docker-credential-valetkey docker-credential-valetkey "$program" ||
    echo 'valetkey: /usr/bin/valetkey is another program and was left alone.' >&2
fast='/opt/${sanitizedProductName}/resources/valetkey-token'
if [ -x "$fast" ]; then
    update-alternatives --install /usr/bin/valetkey valetkey "$fast" 110 \
        --slave /usr/bin/git-credential-valetkey git-credential-valetkey "$program" \
        --slave /usr/bin/docker-credential-valetkey docker-credential-valetkey "$program" || true
fi

# Chromium's sandbox needs user namespaces; where the kernel gives none, the setuid helper takes their place.
if [ -L /proc/self/ns/user ] && unshare --user true 2>/dev/null; then
    chmod 0755 '/opt/${sanitizedProductName}/chrome-sandbox' || true
else
    chmod 4755 '/opt/${sanitizedProductName}/chrome-sandbox' || true
fi

if command -v update-desktop-database >/dev/null; then
    update-desktop-database /usr/share/applications || true
fi

# Where AppArmor takes user namespaces from programs it does not know (Ubuntu 24.04), it gets to know this one. An older
# AppArmor cannot read the profile and does not need it.
profile='/opt/${sanitizedProductName}/resources/apparmor-profile'
if apparmor_status --enabled >/dev/null 2>&1 &&
    apparmor_parser --skip-kernel-load --debug "$profile" >/dev/null 2>&1; then
    cp -f "$profile" '/etc/apparmor.d/${executable}'
    if ! { [ -x /usr/bin/ischroot ] && /usr/bin/ischroot; }; then
        apparmor_parser --replace --write-cache --skip-read-cache '/etc/apparmor.d/${executable}' || true
    fi
fi

exit 0
