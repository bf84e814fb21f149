// SPDX-License-Identifier: UNLICENSED
// A stand-in for Tether USD on the development chain. What matters about the real one is kept: six decimals,
// `transfer` without a return value, a transfer fee in basis points (0), and a list of blocked addresses.
pragma solidity 0.8.37;

contract DevelopmentUsdt {
    string public constant name = "Tether USD";
    string public constant symbol = "USDT";
    uint8 public constant decimals = 6;

    address public immutable owner;
    uint256 public totalSupply;
    uint256 public basisPointsRate;
    mapping(address => uint256) public balanceOf;
    mapping(address => bool) public isBlackListed;

    event Transfer(address indexed from, address indexed to, uint256 value);

    modifier onlyOwner() {
        require(msg.sender == owner, "not the owner");
        _;
    }

    // The owner is given, not taken from the caller: the contract is created through the deterministic deployer.
    constructor(address owner_) {
        owner = owner_;
    }

    function transfer(address to, uint256 value) external {
        require(!isBlackListed[msg.sender], "sender is blocked");
        require(balanceOf[msg.sender] >= value, "balance too low");
        uint256 fee = (value * basisPointsRate) / 10000;
        balanceOf[msg.sender] -= value;
        balanceOf[to] += value - fee;
        emit Transfer(msg.sender, to, value - fee);
        if (fee > 0) {
            balanceOf[owner] += fee;
            emit Transfer(msg.sender, owner, fee);
        }
    }

    function mint(address to, uint256 value) external onlyOwner {
        totalSupply += value;
        balanceOf[to] += value;
        emit Transfer(address(0), to, value);
    }

    function setFee(uint256 basisPoints) external onlyOwner {
        require(basisPoints <= 20, "fee too high");
        basisPointsRate = basisPoints;
    }

    function setBlocked(address account, bool blocked) external onlyOwner {
        isBlackListed[account] = blocked;
    }
}

// Takes no ETH while it is closed: for transfers that pass every check and still revert once mined.
contract Refuser {
    bool public closed;

    function setClosed(bool value) external {
        closed = value;
    }

    receive() external payable {
        require(!closed, "closed");
    }
}
