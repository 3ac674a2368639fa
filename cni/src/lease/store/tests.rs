use super::*;
use crate::lease::Range;

struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("cni-lease-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        Self(path)
    }

    fn store(&self) -> Store {
        Store::new(&self.0, "net")
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn owner(container: &str) -> Owner {
    Owner {
        container: container.parse().unwrap(),
        ifname: "eth0".parse().unwrap(),
    }
}

fn sets(nets: &[&str]) -> Vec<RangeSet> {
    let range = |n: &&str| Range::new(n.parse().unwrap(), None, None, None).unwrap();
    nets.iter()
        .map(|n| RangeSet::new(vec![range(n)]).unwrap())
        .collect()
}

fn acquire_as(
    store: &Store,
    container: &str,
    sets: &[RangeSet],
    wanted: &[IpAddr],
    boot: &str,
) -> Result<Grant, Error> {
    let owner = owner(container);
    let request = Request {
        owner: &owner,
        netns: Some("/gone"),
        pod: Some("default/web"),
        sets,
        wanted,
    };
    store.acquire(
        &request,
        &Truth {
            boot,
            netns_exists: &|_| false,
        },
        &mut |_| {},
    )
}

fn acquire(store: &Store, container: &str, sets: &[RangeSet]) -> Result<Vec<String>, Error> {
    let grant = acquire_as(store, container, sets, &[], "boot-1")?;
    Ok(grant.addresses.iter().map(|g| g.net.to_string()).collect())
}

fn release(store: &Store, container: &str) -> Vec<String> {
    let addresses = store.release(&owner(container), &mut |_| {}).unwrap();
    addresses.iter().map(ToString::to_string).collect()
}

#[test]
fn a_dual_stack_container_gets_one_address_of_each_set_and_gives_both_back() {
    let dir = Dir::new("dual");
    let (store, sets) = (dir.store(), sets(&["10.0.0.0/24", "fd00::/64"]));
    assert_eq!(
        acquire(&store, "a", &sets).unwrap(),
        ["10.0.0.2/24", "fd00::2/64"]
    );
    assert_eq!(
        acquire(&store, "b", &sets).unwrap(),
        ["10.0.0.3/24", "fd00::3/64"]
    );
    assert_eq!(release(&store, "a"), ["10.0.0.2", "fd00::2"]);
    assert_eq!(release(&store, "a"), [""; 0], "twice is no error");
    assert_eq!(
        acquire(&store, "c", &sets).unwrap(),
        ["10.0.0.4/24", "fd00::4/64"],
        "round robin"
    );
    let lease = &store.all().unwrap()[0];
    assert_eq!(
        (lease.owner.clone(), lease.boot.as_deref()),
        (Some(owner("b")), Some("boot-1"))
    );
    assert_eq!(lease.pod.as_deref(), Some("default/web"));
}

#[test]
fn nothing_is_left_on_disk_of_a_released_owner() {
    let dir = Dir::new("clean");
    let (store, sets) = (dir.store(), sets(&["10.0.0.0/24"]));
    acquire(&store, "a", &sets).unwrap();
    release(&store, "a");
    let mut left: Vec<_> = fs::read_dir(store.dir())
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, ["last_reserved_ip.0", "lock", "owners"]);
    assert_eq!(fs::read_dir(store.dir().join("owners")).unwrap().count(), 0);
}

#[test]
fn releasing_where_nothing_ever_was_makes_nothing() {
    let dir = Dir::new("never");
    assert_eq!(release(&dir.store(), "a"), [""; 0]);
    assert!(!dir.0.exists());
}

#[test]
fn a_second_attempt_gets_the_same_addresses() {
    let dir = Dir::new("again");
    let (store, sets) = (dir.store(), sets(&["10.0.0.0/24", "fd00::/64"]));
    let first = acquire(&store, "a", &sets).unwrap();
    acquire(&store, "b", &sets).unwrap();
    assert_eq!(acquire(&store, "a", &sets).unwrap(), first);
    fs::remove_file(store.dir().join("fd00::2")).unwrap();
    let repaired = acquire_as(&store, "a", &sets, &[], "boot-2").unwrap();
    assert!(repaired.resumed);
    assert_eq!(repaired.addresses[0].net.to_string(), first[0]);
    assert_eq!(repaired.addresses[1].net.to_string(), "fd00::4/64");
    let of_a = |l: &Lease| l.owner == Some(owner("a"));
    assert!(
        store
            .all()
            .unwrap()
            .iter()
            .filter(|l| of_a(l))
            .all(|l| l.boot.as_deref() == Some("boot-2"))
    );
    assert_eq!(release(&store, "a"), ["10.0.0.2", "fd00::4"]);
}

#[test]
fn stopping_before_any_step_loses_and_doubles_nothing() {
    let sets = sets(&["10.0.0.0/24", "fd00::/64"]);
    for stop_at in 0.. {
        let dir = Dir::new("steps");
        let store = dir.store();
        let owner = owner("a");
        let request = Request {
            owner: &owner,
            netns: None,
            pod: None,
            sets: &sets,
            wanted: &[],
        };
        let truth = Truth {
            boot: "b",
            netns_exists: &|_| false,
        };
        let mut step = 0;
        let stopped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            store.acquire(&request, &truth, &mut |_| {
                assert!(step != stop_at, "stopped on purpose");
                step += 1;
            })
        }));
        assert_eq!(acquire(&store, "b", &sets).unwrap().len(), 2);
        assert_eq!(acquire(&store, "a", &sets).unwrap().len(), 2);
        let all = store.all().unwrap();
        assert_eq!(all.len(), 4, "stopped before step {stop_at}: {all:?}");
        release(&store, "a");
        assert_eq!(store.all().unwrap().len(), 2);
        if stopped.is_ok() {
            assert_eq!(stop_at, 4, "the steps are counted");
            break;
        }
    }
}

#[test]
fn an_exhausted_range_says_how_many_are_leased() {
    let dir = Dir::new("full");
    let (store, sets) = (dir.store(), sets(&["10.0.0.0/29"]));
    for container in ["a", "b", "c", "d", "e"] {
        acquire(&store, container, &sets).unwrap();
    }
    let error = acquire(&store, "f", &sets).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no address is free in 10.0.0.1-10.0.0.6 of network net: 5 of 5 are leased"
    );
    release(&store, "c");
    assert_eq!(acquire(&store, "f", &sets).unwrap(), ["10.0.0.4/29"]);
}

#[test]
fn only_leases_of_an_earlier_boot_without_a_namespace_are_reclaimed() {
    let dir = Dir::new("boot");
    let (store, sets) = (dir.store(), sets(&["10.0.0.0/30"]));
    acquire(&store, "old", &sets).unwrap();
    let request = Request {
        owner: &owner("new"),
        netns: None,
        pod: None,
        sets: &sets,
        wanted: &[],
    };
    let try_with = |boot: &str, exists: bool| {
        store
            .acquire(
                &request,
                &Truth {
                    boot,
                    netns_exists: &|_| exists,
                },
                &mut |_| {},
            )
            .is_ok()
    };
    assert!(!try_with("boot-1", false), "same boot");
    assert!(!try_with("boot-2", true), "namespace still there");
    assert!(try_with("boot-2", false));

    for doubtful in ["old\r\neth0", "", "garbage"] {
        release(&store, "new");
        fs::write(store.dir().join("10.0.0.2"), doubtful).unwrap();
        assert!(!try_with("boot-2", false), "{doubtful:?} may be in use");
        fs::remove_file(store.dir().join("10.0.0.2")).unwrap();
    }
}

#[test]
fn another_allocators_leases_are_respected_and_released() {
    let dir = Dir::new("foreign");
    let (store, sets) = (dir.store(), sets(&["10.0.0.0/24"]));
    fs::create_dir_all(store.dir()).unwrap();
    fs::write(store.dir().join("10.0.0.2"), "old\r\neth0").unwrap();
    fs::write(store.dir().join("last_reserved_ip.0"), "10.0.0.1").unwrap();
    assert_eq!(acquire(&store, "a", &sets).unwrap(), ["10.0.0.3/24"]);
    assert_eq!(release(&store, "old"), ["10.0.0.2"]);
}

#[test]
fn a_wanted_address_is_given_or_refused_with_its_holder() {
    let dir = Dir::new("wanted");
    let (store, sets) = (dir.store(), sets(&["10.0.0.0/24"]));
    let wanted = ["10.0.0.77".parse().unwrap()];
    let grant = acquire_as(&store, "a", &sets, &wanted, "b").unwrap();
    assert_eq!(grant.addresses[0].net.to_string(), "10.0.0.77/24");
    let taken = acquire_as(&store, "b", &sets, &wanted, "b").unwrap_err();
    assert_eq!(taken.to_string(), "address 10.0.0.77 is leased to a/eth0");
    let odd = acquire_as(&store, "c", &sets, &["10.9.9.9".parse().unwrap()], "b").unwrap_err();
    assert!(matches!(odd, Error::OutOfRange(_)));
}

#[test]
fn threads_at_once_never_get_the_same_address() {
    let dir = Dir::new("parallel");
    let (store, sets) = (dir.store(), sets(&["10.0.0.0/25"]));
    let given: Vec<String> = std::thread::scope(|scope| {
        let (store, sets) = (&store, &sets);
        let each = |i| {
            move || {
                (0..5)
                    .flat_map(|j| acquire(store, &format!("c{i}-{j}"), sets).unwrap())
                    .collect()
            }
        };
        let threads: Vec<_> = (0..20).map(|i| scope.spawn::<_, Vec<String>>(each(i))).collect();
        threads.into_iter().flat_map(|t| t.join().unwrap()).collect()
    });
    assert_eq!(given.len(), 100);
    assert_eq!(given.iter().collect::<BTreeSet<_>>().len(), 100);
}
