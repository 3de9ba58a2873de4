//! The tree of departments: every branch and path is worked out here, and no broken chain can hang it.

use std::collections::{HashMap, HashSet};

use serde::Serialize;

/// DingTalk's id of the root department.
pub(super) const ROOT: i64 = 1;

/// One department as the tree knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Name as DingTalk has it.
    pub name: String,
    /// None for the root alone.
    pub parent_id: Option<i64>,
}

/// A department with its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Named {
    /// DingTalk's id.
    pub id: i64,
    /// Its name.
    pub name: String,
}

/// Where a department stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The department's name, if it is known.
    pub name: Option<String>,
    /// The ancestor whose parent is the root; the root itself for the root; none for a broken chain.
    pub branch: Option<Named>,
    /// From the branch, or from the highest ancestor known, down to the parent.
    pub path: Vec<Named>,
    /// Whether parents are missing or circular.
    pub broken: bool,
}

/// All departments known.
#[derive(Debug, Clone, Default)]
pub struct Tree(HashMap<i64, Node>);

impl Tree {
    /// Adds a department or changes it.
    pub fn insert(&mut self, id: i64, node: Node) {
        self.0.insert(id, node);
    }

    /// Forgets a department.
    pub fn remove(&mut self, id: i64) {
        self.0.remove(&id);
    }

    /// Every department known.
    pub fn ids(&self) -> impl Iterator<Item = i64> {
        self.0.keys().copied()
    }

    /// The name of a known department.
    #[must_use]
    pub fn name_of(&self, id: i64) -> Option<&str> {
        self.0.get(&id).map(|node| node.name.as_str())
    }

    /// The parent of a known department.
    #[must_use]
    pub fn parent_of(&self, id: i64) -> Option<i64> {
        self.0.get(&id)?.parent_id
    }

    /// The lowest department that is not known on the way up from `id`, itself included. Of a circle none is missing.
    pub(super) fn missing(&self, id: i64) -> Option<i64> {
        let mut at = id;
        for _ in self.steps() {
            match self.0.get(&at) {
                None => return Some(at),
                Some(_) if at == ROOT => return None,
                Some(node) => at = node.parent_id.unwrap_or(ROOT),
            }
        }
        None
    }

    /// The branch of [`Self::place`] alone: without a name, and without a copy of the names on the way.
    #[must_use]
    pub fn branch_of(&self, id: i64) -> Option<i64> {
        let mut at = id;
        for _ in self.steps() {
            match self.0.get(&at)?.parent_id {
                Some(ROOT) => return Some(at),
                None => return (id == ROOT).then_some(ROOT),
                Some(parent) => at = parent,
            }
        }
        None
    }

    /// Steps on a way up: whoever has taken more than there are departments goes in a circle.
    fn steps(&self) -> std::ops::RangeInclusive<usize> {
        0..=self.0.len()
    }

    /// The company's name: that of the root department.
    #[must_use]
    pub fn company(&self) -> Option<&str> {
        self.0.get(&ROOT).map(|root| root.name.as_str())
    }

    /// Whether `id` is `ancestor` or below it. Everything known is below the root.
    #[must_use]
    pub fn is_within(&self, id: i64, ancestor: i64) -> bool {
        if id == ancestor {
            return true;
        }
        let place = self.place(id);
        place.name.is_some() && (ancestor == ROOT || place.path.iter().any(|up| up.id == ancestor))
    }

    /// Where `id` stands. Ends for any data whatever: no department is visited twice.
    #[must_use]
    pub fn place(&self, id: i64) -> Place {
        let Some(node) = self.0.get(&id) else {
            return Place {
                name: None,
                branch: None,
                path: Vec::new(),
                broken: true,
            };
        };
        let mut visited = HashSet::from([id]);
        let mut up = vec![Named {
            id,
            name: node.name.clone(),
        }];
        let mut parent = node.parent_id;
        let broken = loop {
            match parent {
                Some(ROOT) => break false,
                None => break id != ROOT,
                Some(next) => match self.0.get(&next) {
                    Some(ancestor) if visited.insert(next) => {
                        up.push(Named {
                            id: next,
                            name: ancestor.name.clone(),
                        });
                        parent = ancestor.parent_id;
                    }
                    _ => break true,
                },
            }
        };
        up.reverse();
        let branch = if broken { None } else { up.first().cloned() };
        up.pop();
        Place {
            name: Some(node.name.clone()),
            branch,
            path: up,
            broken,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Node, Tree};

    fn tree(departments: &[(i64, Option<i64>)]) -> Tree {
        let mut tree = Tree::default();
        for (id, parent_id) in departments {
            tree.insert(
                *id,
                Node {
                    name: format!("d{id}"),
                    parent_id: *parent_id,
                },
            );
        }
        tree
    }

    #[test]
    fn the_branch_is_the_ancestor_below_the_root_at_any_depth() {
        let tree = tree(&[(1, None), (10, Some(1)), (100, Some(10)), (1000, Some(100))]);
        let place = tree.place(1000);
        assert_eq!(place.branch.unwrap().id, 10);
        assert_eq!(tree.branch_of(1000), Some(10));
        assert_eq!(place.path.iter().map(|named| named.id).collect::<Vec<_>>(), [10, 100]);
        assert_eq!(tree.place(10).branch.unwrap().id, 10);
        assert!(tree.place(10).path.is_empty());
    }

    #[test]
    fn the_root_is_its_own_branch() {
        let tree = tree(&[(1, None)]);
        let place = tree.place(1);
        assert_eq!(place.branch.unwrap().id, 1);
        assert_eq!(tree.branch_of(1), Some(1));
        assert!(!place.broken);
    }

    #[test]
    fn within_is_at_any_depth_and_for_circles_too() {
        let tree = tree(&[(1, None), (10, Some(1)), (100, Some(10)), (5, Some(6)), (6, Some(5))]);
        assert!(tree.is_within(100, 10) && tree.is_within(100, 1) && tree.is_within(10, 10));
        assert!(!tree.is_within(10, 100) && !tree.is_within(7, 1) && !tree.is_within(100, 5));
        assert!(tree.is_within(5, 6) && tree.is_within(6, 5));
    }

    #[test]
    fn a_circle_ends_and_is_told() {
        let tree = tree(&[(1, None), (5, Some(6)), (6, Some(5)), (9, None)]);
        let place = tree.place(5);
        assert!(place.broken);
        assert_eq!((tree.branch_of(5), tree.missing(5)), (None, None));
        assert_eq!(tree.branch_of(9), None);
        assert_eq!(place.branch, None);
        assert_eq!(place.path.iter().map(|named| named.id).collect::<Vec<_>>(), [6]);
    }

    #[test]
    fn a_missing_parent_leaves_what_is_known() {
        let tree = tree(&[(1, None), (7, Some(8))]);
        let place = tree.place(7);
        assert!(place.broken);
        assert_eq!((tree.branch_of(7), tree.missing(7)), (None, Some(8)));
        assert_eq!(place.name.as_deref(), Some("d7"));
    }
}
