// containers.cpp - blocks that containers of the C++ library hold, in variables of several kinds.
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <unistd.h>
#include <unordered_map>
#include <vector>

namespace shop {

struct Item {
    explicit Item(int number) : number(number) {}
    int number;
    char rest[60] = {};
};

struct Order {
    virtual ~Order() {}
    std::vector<Item *> items;
    std::shared_ptr<Item> gift;
};

struct Registry {
    int version = 1;
    std::map<int, Item *> by_number;
    std::unordered_map<std::string, std::unique_ptr<Item>> by_name;
    std::vector<std::shared_ptr<Order>> orders;
};

Registry registry;

struct Cache {
    virtual ~Cache() {}
    std::map<int, Item *> kept;
    Item *recent[8] = {};
};

Cache *cache;

class Pool {
public:
    static std::vector<Item *> spare;
};
std::vector<Item *> Pool::spare;

} // namespace shop

static std::map<int, shop::Item *> table;
static std::shared_ptr<shop::Item> shared;
static std::list<shop::Item> queue;
static thread_local std::vector<std::string> names;
static std::map<std::string, std::vector<std::map<int, std::string>>> by_word;

#define ALLOCATES __attribute__((noinline, optimize("no-optimize-sibling-calls")))

ALLOCATES shop::Item *mapped_item(int i) { return new shop::Item(i); }
ALLOCATES shop::Item *spare_item(int i) { return new shop::Item(i); }
ALLOCATES shop::Item *ordered_item(int i) { return new shop::Item(i); }
ALLOCATES shop::Item *numbered_item(int i) { return new shop::Item(i); }
ALLOCATES std::shared_ptr<shop::Item> shared_item() { return std::make_shared<shop::Item>(1); }
ALLOCATES std::shared_ptr<shop::Item> gift_item() { return std::shared_ptr<shop::Item>(new shop::Item(2)); }
ALLOCATES std::unique_ptr<shop::Item> named_item(int i) { return std::make_unique<shop::Item>(i); }
ALLOCATES shop::Item *kept_item(int i) { return new shop::Item(i); }
ALLOCATES shop::Item *recent_item(int i) { return new shop::Item(i); }
ALLOCATES void queue_item(int i) { queue.emplace_back(i); }
ALLOCATES void add_name() { names.push_back(std::string(200, 'x')); }
ALLOCATES std::vector<int> &numbers()
{
    static std::vector<int> kept(100);

    return kept;
}

int main()
{
    for (int i = 0; i < 20; i++) {
        table[i] = mapped_item(i);
        shop::Pool::spare.push_back(spare_item(i));
        queue_item(i);
        shop::registry.by_number[i] = numbered_item(i);
        shop::registry.by_name["item number " + std::to_string(i)] = named_item(i);
    }
    shop::cache = new shop::Cache;
    for (int i = 0; i < 20; i++)
        shop::cache->kept[i] = kept_item(i);
    for (int i = 0; i < 8; i++)
        shop::cache->recent[i] = recent_item(i);
    by_word["a word"].resize(1);
    shared = shared_item();
    for (int i = 0; i < 3; i++) {
        auto order = std::make_shared<shop::Order>();

        order->gift = gift_item();
        order->items.push_back(ordered_item(i));
        shop::registry.orders.push_back(order);
    }
    add_name();
    numbers();
    _exit(0); // and no destructor runs
}
