#!/bin/sh
# After electron-builder's own script. The rule: what the installation added outside the package goes with it; what people
# keep in their homes stays.

case "$1" in
remove | purge)
    update-alternatives --remove valetkey '/opt/${sanitizedProductName}/resources/valetkey-token' || true
    update-alternatives --remove valetkey '/opt/${sanitizedProductName}/resources/valetkey' || true
    if [ -f '/etc/apparmor.d/${executable}' ]; then
        if apparmor_status --enabled >/dev/null 2>&1 && ! { [ -x /usr/bin/ischroot ] && /usr/bin/ischroot; }; then
            apparmor_parser --remove '/etc/apparmor.d/${executable}' || true
        fi
        rm -f '/etc/apparmor.d/${executable}'
    fi
    if command -v update-desktop-database >/dev/null; then
        update-desktop-database /usr/share/applications || true
    fi
    ;;
esac

exit 0
