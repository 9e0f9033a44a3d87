#!/usr/bin/env bash
# A small Slurm on this machine, of daemons that belong to this folder alone: munged, slurmctld, and a slurmd a node.
#
#     tests/slurm/cluster.sh start FOLDER [NODES]    # 2 nodes of one processor each
#     export SLURM_CONF=FOLDER/slurm.conf            # then sbatch, squeue, scancel as anywhere
#     tests/slurm/cluster.sh stop FOLDER
#
# Needs: apt-get install --no-install-recommends slurmctld slurmd slurm-client munge
# FOLDER must be new, and its path short: sockets have at most 107 characters.
# All daemons run as the user who calls; other users and root's files are left alone, and no service is started.
set -euo pipefail
action=${1:?usage: cluster.sh start|stop FOLDER [NODES]}
mkdir -p "${2:?usage: cluster.sh start|stop FOLDER [NODES]}"
folder=$(cd "$2" && pwd)
nodes=${3:-2}
export PATH=$PATH:/usr/sbin:/sbin
export SLURM_CONF=$folder/slurm.conf

free_ports() { # as many ports as $1 says that nobody listens on
    python3 - "$1" <<'PYTHON'
import socket, sys

probes = [socket.socket() for _ in range(int(sys.argv[1]))]
for probe in probes:
    probe.bind(("127.0.0.1", 0))
print(*[probe.getsockname()[1] for probe in probes])
PYTHON
}

write_configuration() {
    read -r -a ports <<<"$(free_ports $((nodes + 1)))"
    local host
    host=$(hostname -s)
    cat >"$SLURM_CONF" <<CONF
ClusterName=evalkit
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=${ports[0]}
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
AuthType=auth/munge
AuthInfo=socket=$folder/munge.socket
CredType=cred/munge
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool-%n
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd-%n.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
ReturnToService=2
JobRequeue=1
KillWait=5
InactiveLimit=0
SchedulerParameters=batch_sched_delay=0,requeue_delay=1
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
    for number in $(seq "$nodes"); do
        echo "NodeName=node$number NodeHostname=$host NodeAddr=127.0.0.1 Port=${ports[$number]} CPUs=1 State=UNKNOWN"
    done >>"$SLURM_CONF"
}

start() {
    mkdir -p "$folder/state"
    dd if=/dev/urandom of="$folder/munge.key" bs=1024 count=1 status=none
    chmod 700 "$folder"
    chmod 600 "$folder/munge.key"
    write_configuration
    munged --force --key-file="$folder/munge.key" --socket="$folder/munge.socket" \
        --pid-file="$folder/munged.pid" --log-file="$folder/munged.log" --seed-file="$folder/munged.seed"
    slurmctld
    for number in $(seq "$nodes"); do
        mkdir -p "$folder/spool-node$number"
        slurmd -N "node$number"
    done
    for _ in $(seq 100); do
        if [ "$(sinfo --noheader --states=idle --Node --format=%N | wc -l)" = "$nodes" ]; then
            return
        fi
        sleep 0.2
    done
    tail -n 20 "$folder"/*.log >&2
    stop
    exit 1
}

stop() {
    scancel --user="$(id -un)" 2>/dev/null || true
    for pid in "$folder"/slurmd-*.pid "$folder"/slurmctld.pid "$folder"/munged.pid; do
        if [ -f "$pid" ]; then
            kill "$(cat "$pid")" 2>/dev/null || true
        fi
    done
    for _ in $(seq 100); do # a daemon that ends takes its file along
        if ! compgen -G "$folder/*.pid" >/dev/null; then
            return
        fi
        sleep 0.1
    done
    echo "$folder: a daemon has not ended in 10 seconds" >&2
    exit 1
}

case $action in
start | stop) "$action" ;;
*) echo "usage: cluster.sh start|stop FOLDER [NODES]" >&2 && exit 2 ;;
esac
