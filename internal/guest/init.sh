#!/bin/busybox sh
# First process of the guest. It reaches the host's root file system by 9p,
# puts a throwaway overlay on it and goes on there with the script of this run.
# The folder of the run is the 9p share "run".
/bin/busybox --install -s /bin
PATH=/bin

fail() {
	echo "guest: $*" >/dev/console
	reboot -f
}

mount -t devtmpfs none /dev
mount -t proc none /proc
mount -t sysfs none /sys
for module in /modules/*.ko; do
	insmod "$module" || fail "cannot load $module"
done

share=trans=virtio,version=9p2000.L,msize=512000
mount -t 9p -o "ro,cache=loose,$share" root /host || fail "cannot reach the host's files"
mount -t tmpfs none /rw
mkdir /rw/upper /rw/work
mount -t overlay -o lowerdir=/host,upperdir=/rw/upper,workdir=/rw/work none /new || fail "cannot lay the overlay"
mkdir -p /new/run /new/dev /new/proc /new/sys
mount -t tmpfs none /new/run
mkdir /new/run/guest
mount -t 9p -o "$share" run /new/run/guest || fail "cannot reach the run's folder"
for fs in dev proc sys; do
	mount --move "/$fs" "/new/$fs"
done
exec switch_root /new /bin/sh /run/guest/start.sh
