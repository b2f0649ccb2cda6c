# shellcheck shell=bash disable=SC2154 # what is set in ../fleet
# The network of a fleet: namespace core routes between the hosts' and ctl.
# Sourced by ../fleet.

in_ns() { nsenter --net="/run/netns/$fleet-$1" -- "${@:2}"; }

make_ns() {
  local ns=$fleet-$1
  [[ ! -e /run/netns/$ns ]] || ip netns del "$ns"
  ip netns add "$ns"
  in_ns "$1" sh -c 'cd /proc/sys/net; echo 1 >ipv6/conf/all/disable_ipv6
    echo 0 >ipv4/conf/all/rp_filter; echo 0 >ipv4/conf/default/rp_filter'
}

# join gives namespace $1 the address $2 and a link to core.
join() {
  local veth=v${2#"$net".}
  if ! ip -n "$fleet-core" link show "$veth" >/dev/null 2>&1; then
    make_ns "$1"
    ip -n "$fleet-core" link add "$veth" type veth peer name eth0 netns "$fleet-$1"
    ip -n "$fleet-core" link set "$veth" up
    ip -n "$fleet-core" route add "$2" dev "$veth"
  fi
  ip -n "$fleet-$1" -batch - <<END
link set lo up
link set eth0 up
addr replace $2/32 dev eth0
route replace $core_ip dev eth0
route replace default via $core_ip src $2
END
}

make_core() {
  if ! ip -n "$fleet-core" addr show dev lo 2>/dev/null | grep -q "$core_ip/"; then
    make_ns core
    in_ns core sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
    ip -n "$fleet-core" link set lo up
    ip -n "$fleet-core" addr add "$core_ip/32" dev lo
  fi
  join ctl "$ctl_ip"
}

# write_ctl makes $dir/ctl, the program that becomes another in ctl: there /etc/hosts knows the
# hosts and ssh's settings are the fleet's. It leaves the environment alone. What it starts is in
# the fleet's cgroup, so that down ends it, and what it left in the background too.
write_ctl() {
  mkdir -p "$cg/_ctl"
  cat >"$dir/ctl.new" <<END
#!/bin/sh
exec $(command -v nsenter) --net=/run/netns/$fleet-ctl -- \\
  $(command -v unshare) --mount --propagation slave -- /bin/sh -c '
    echo \$\$ >"$cg/_ctl/cgroup.procs" &&
    $(command -v mount) --bind "$dir/etc_hosts" /etc/hosts &&
    $(command -v mount) --bind "$dir/ssh_config" /etc/ssh/ssh_config &&
    exec "\$@"' ctl "\$@"
END
  chmod +x "$dir/ctl.new"
  mv "$dir/ctl.new" "$dir/ctl"
}

# apply makes core's packet filter what the cuts, kills and delays on file say.
# Drops come first; what is left of a delayed target's packets goes to lag.
apply() {
  local a b ms jitter loss rules='' lagged='' number
  while read -r a b; do
    a=$(prefix "$a")
    if [[ $b == '*' ]]; then
      rules+="-A FORWARD -s $a ! -d $a -j DROP"$'\n'"-A FORWARD -d $a ! -s $a -j DROP"$'\n'
    else
      b=$(prefix "$b")
      rules+="-A FORWARD -s $a -d $b -j DROP"$'\n'"-A FORWARD -s $b -d $a -j DROP"$'\n'
    fi
  done < <(cat "$dir/cuts" "$dir/killed" 2>/dev/null)
  number=$(date +%s%N)
  while read -r a ms jitter loss; do
    a=$(prefix "$a")
    lagged+="$a $ms $jitter $loss"$'\n'
    rules+="-A FORWARD -s $a ! -d $a -j NFQUEUE --queue-num 0 --queue-bypass"$'\n'
    rules+="-A FORWARD -d $a ! -s $a -j NFQUEUE --queue-num 0 --queue-bypass"$'\n'
  done < <(cat "$dir/delays" 2>/dev/null)
  printf '# %s\n%s' "$number" "$lagged" >"$dir/lag.conf"
  if [[ $lagged ]] || is_running _lag; then
    run_lag "$number"
  fi
  printf '*filter\n%sCOMMIT\n' "$rules" | in_ns core iptables-restore -w 10
}

# run_lag has lag hold the rules numbered $1.
run_lag() {
  local tries
  build_lag
  if is_running _lag; then
    xargs kill -HUP <"$cg/_lag/cgroup.procs"
  else
    mkdir -p "$cg/_lag"
    # At real-time priority, so that a busy machine adds little to the delays.
    # shellcheck disable=SC2016 # $0, $$ and $@ are the inner shell's
    setsid nsenter --net="/run/netns/$fleet-core" -- \
      sh -c 'echo $$ >"$0/cgroup.procs"; chrt --fifo --pid 1 $$ || true; exec "$@"' \
      "$cg/_lag" "$lag_bin" "$dir/lag.conf" \
      </dev/null >>"$dir/lag.log" 2>&1 {state_lock}>&- &
  fi
  for ((tries = 0; tries < 200; tries++)); do
    [[ $(cat "$dir/lag.conf.ok" 2>/dev/null) != "$1" ]] || return 0
    sleep 0.05
  done
  die "lag did not take its rules: $(tail -n 1 "$dir/lag.log")"
}
