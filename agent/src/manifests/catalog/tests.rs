use super::*;

/// A directory in memory that feeds a catalog and writes down what it reports.
struct Directory {
    catalog: Catalog,
    files: BTreeMap<String, String>,
    told: BTreeMap<String, String>,
    clock: i64,
}

impl Directory {
    fn new(last_good: BTreeMap<String, Pod>) -> Self {
        Self {
            catalog: Catalog::new(Path::new("/m"), last_good),
            files: BTreeMap::new(),
            told: BTreeMap::new(),
            clock: 0,
        }
    }

    fn scan(&mut self) -> Vec<String> {
        self.clock += 1;
        let mut listing = Listing::new();
        for (name, text) in &self.files {
            let unchanged = self.told.get(name) == Some(text);
            let before = self.catalog.files.get(name).map(|known| known.stamp);
            let now = Stamp {
                modified: (self.clock, 0),
                ..Stamp::default()
            };
            listing.insert(name.clone(), before.filter(|_| unchanged).unwrap_or(now));
        }
        self.told = self.files.clone();
        let unread = self.catalog.unread(&listing, &BTreeSet::new());
        let contents = unread
            .into_iter()
            .map(|name| (name.clone(), Ok(self.files[&name].clone().into_bytes())));
        let contents = contents.collect();
        self.catalog.update(&listing, contents).iter().map(show).collect()
    }

    fn write(&mut self, name: &str, text: &str) -> Vec<String> {
        self.files.insert(name.to_owned(), text.to_owned());
        self.scan()
    }

    fn remove(&mut self, name: &str) -> Vec<String> {
        self.files.remove(name);
        self.scan()
    }
}

fn show(event: &ManifestEvent) -> String {
    match event {
        ManifestEvent::Set { source, pod } => {
            let image = pod
                .spec
                .as_ref()
                .and_then(|spec| spec.containers[0].image.clone())
                .unwrap_or_default();
            format!("set {} {} {image}", source.file_name(), identity(pod))
        }
        ManifestEvent::Removed { source } => format!("removed {}", source.file_name()),
        ManifestEvent::Broken { error, .. } => format!("broken {error}"),
        ManifestEvent::Synced => "synced".to_owned(),
    }
}

fn pod(name: &str, image: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec: {{containers: [{{name: c, image: {image}}}]}}\n"
    )
}

#[test]
fn files_that_appear_change_and_go_are_told_once_each() {
    let mut dir = Directory::new(BTreeMap::new());
    assert_eq!(
        dir.write("a.yaml", &pod("a", "i:1")),
        ["set a.yaml default/a i:1"]
    );
    assert_eq!(dir.scan(), Vec::<String>::new());
    assert_eq!(
        dir.write("a.yaml", &pod("a", "i:2")),
        ["set a.yaml default/a i:2"]
    );
    assert_eq!(
        dir.write("a.yaml", &format!("# said\n{}", pod("a", "i:2"))),
        Vec::<String>::new()
    );
    assert_eq!(dir.remove("a.yaml"), ["removed a.yaml"]);
    assert_eq!(dir.scan(), Vec::<String>::new());
}

#[test]
fn a_broken_file_is_told_once_per_content_and_keeps_its_pod() {
    let mut dir = Directory::new(BTreeMap::new());
    dir.write("a.yaml", &pod("a", "i:1"));
    assert_eq!(
        dir.write("a.yaml", "a: [\n"),
        ["broken a.yaml:1:4: unclosed bracket '['"]
    );
    assert_eq!(dir.scan(), Vec::<String>::new());
    assert_eq!(
        dir.write("b.yaml", &pod("b", "i:1")),
        ["set b.yaml default/b i:1"]
    );
    // The broken file still holds its pod's name.
    assert_eq!(
        dir.write("c.yaml", &pod("a", "i:3")),
        ["broken c.yaml:3:18: metadata.name: Duplicate value: \"a\": a.yaml names the same pod"]
    );
    assert_eq!(
        dir.write("a.yaml", &pod("a", "i:1")),
        ["set a.yaml default/a i:1"]
    );
}

#[test]
fn the_first_file_keeps_a_name_and_the_second_gets_it_when_the_first_goes() {
    let mut dir = Directory::new(BTreeMap::new());
    dir.files.insert("b.yaml".to_owned(), pod("web", "i:b"));
    let refused = "metadata.name: Duplicate value: \"web\": a.yaml names the same pod";
    assert_eq!(
        dir.write("a.yaml", &pod("web", "i:a")),
        [
            "set a.yaml default/web i:a".to_owned(),
            format!("broken b.yaml:3:18: {refused}"),
        ]
    );
    assert_eq!(
        dir.remove("a.yaml"),
        ["removed a.yaml", "set b.yaml default/web i:b"]
    );
    // A file that sorts earlier does not take the name from the one that has it.
    assert_eq!(
        dir.write("a.yaml", &pod("web", "i:a")),
        ["broken a.yaml:3:18: metadata.name: Duplicate value: \"web\": b.yaml names the same pod"]
    );
}

#[test]
fn two_files_may_swap_their_names() {
    let mut dir = Directory::new(BTreeMap::new());
    dir.write("a.yaml", &pod("left", "i"));
    dir.write("b.yaml", &pod("right", "i"));
    dir.files.insert("a.yaml".to_owned(), pod("right", "i"));
    assert_eq!(
        dir.write("b.yaml", &pod("left", "i")),
        ["set a.yaml default/right i", "set b.yaml default/left i"]
    );
}

#[test]
fn a_file_that_is_broken_at_the_start_names_its_last_good_pod() {
    let good = read("a.yaml", pod("a", "i:1").as_bytes()).expect("pod");
    let mut dir = Directory::new(BTreeMap::from([("a.yaml".to_owned(), good)]));
    assert_eq!(
        dir.write("a.yaml", "kind: Pod\n"),
        [
            "set a.yaml default/a i:1",
            "broken a.yaml:1:1: apiVersion: Required value: \"v1\"",
        ]
    );
    assert_eq!(
        dir.write("a.yaml", &pod("a", "i:1")),
        ["set a.yaml default/a i:1"]
    );
}

#[test]
fn what_cannot_be_read_is_broken_and_a_dirty_file_is_read_again() {
    let mut catalog = Catalog::new(Path::new("/m"), BTreeMap::new());
    let listing = Listing::from([("a.yaml".to_owned(), Stamp::default())]);
    assert_eq!(catalog.unread(&listing, &BTreeSet::new()), ["a.yaml"]);
    let contents = Contents::from([("a.yaml".to_owned(), Err("permission denied".to_owned()))]);
    let told: Vec<_> = catalog.update(&listing, contents).iter().map(show).collect();
    assert_eq!(told, ["broken a.yaml: permission denied"]);
    assert!(catalog.unread(&listing, &BTreeSet::new()).is_empty());
    assert_eq!(
        catalog.unread(&listing, &BTreeSet::from(["a.yaml".to_owned()])),
        ["a.yaml"]
    );
}
