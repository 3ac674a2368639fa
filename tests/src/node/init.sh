# First process of a test node. Called in fresh mount, network, PID, IPC, UTS and cgroup namespaces
# with the node's directory and name; holds them until its standard input ends, which happens when
# the test process drops the node or dies. The kernel then ends every process of the node.
set -eu
dir=$1 name=$2
mount --make-rprivate /
for part in etc var opt; do
	mount -t overlay "$name" -o "lowerdir=/$part,upperdir=$dir/$part,workdir=$dir/$part.work" "/$part"
done
# An overlay cannot be the upper layer of another one: containerd's snapshots get a plain directory.
mkdir -p /var/lib/containerd
mount --bind "$dir/containerd" /var/lib/containerd
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/lock /run/netns
mount -t sysfs sysfs /sys
if [ "$3" = v2 ]; then
	mount -t cgroup2 cgroup2 /sys/fs/cgroup
else
	mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup
	shift 3
	for controller; do
		mkdir "/sys/fs/cgroup/$controller"
		case $controller in
		systemd) options=none,name=systemd ;;
		*) options=$controller ;;
		esac
		mount -t cgroup -o "$options" cgroup "/sys/fs/cgroup/$controller"
	done
fi
hostname "$name"
ip link set lo up
echo ready
exec >/dev/null
cat >/dev/null
exit 0
